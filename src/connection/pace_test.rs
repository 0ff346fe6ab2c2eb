//! The gate before sites that count requests: they refuse few, and get nearly as many as they bear.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::gate::Lane;
use super::question::Turn;
use super::settings::Patience;
use crate::metrics::Asking;
use crate::model::{ConnectionName, Timestamp};

fn gate(permits: usize) -> Arc<Lane> {
    let asking = Asking::new(&ConnectionName::new("acme").unwrap());
    Arc::new(Lane::new(permits, &Patience::default(), asking))
}

#[tokio::test(start_paused = true)]
async fn askers_of_a_site_that_counts_requests_find_the_pace_that_it_bears() {
    let sites = [(5, 50, 10.0), (12, 50, 10.0), (1, 20, 2.0), (5, 400, 3.0), (25, 2_000, 1.0)];
    for (permits, answer_ms, a_second) in sites {
        let gate = gate(permits);
        let site = Arc::new(Mutex::new(Bucket::new(a_second)));
        let mut askers = tokio::task::JoinSet::new();
        for _ in 0..permits {
            askers.spawn(ask_for_ever(Arc::clone(&gate), Arc::clone(&site), Duration::from_millis(answer_ms)));
        }
        sleep(Duration::from_mins(2)).await;
        {
            let mut site = site.lock().unwrap();
            (site.answered, site.refused) = (0, 0);
        }

        sleep(Duration::from_mins(5)).await;

        let Bucket { answered, refused, .. } = site.lock().unwrap().clone();
        let borne = a_second * 300.0;
        let part = f64::from(answered) / borne;
        assert!((0.6..=1.01).contains(&part), "{part} of {a_second} a second, {permits} at once");
        assert!(refused <= 10, "{refused} of {borne} refused, {permits} at once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_base_goes_first_at_a_slow_pace_too() {
    let gate = gate(2);
    let permit = gate.enter(Turn::Rest).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    permit.was_refused();
    drop(permit);
    let begun = Instant::now();
    let enter = async |turn| {
        drop(gate.enter(turn).await.unwrap());
        begun.elapsed().as_secs()
    };

    let (first, second, base) = tokio::join!(enter(Turn::Rest), enter(Turn::Rest), async {
        sleep(Duration::from_millis(100)).await;
        enter(Turn::Base).await
    });

    assert_eq!((first, base, second), (0, 1, 2), "one a second");
}

/// A site that lets so many requests a second pass, and one second's worth at once.
#[derive(Clone)]
struct Bucket {
    a_second: f64,
    left: f64,
    looked: Instant,
    answered: u32,
    refused: u32,
}

impl Bucket {
    fn new(a_second: f64) -> Self {
        Self { a_second, left: a_second, looked: Instant::now(), answered: 0, refused: 0 }
    }

    fn answers(&mut self) -> bool {
        self.left = (self.left + self.looked.elapsed().as_secs_f64() * self.a_second).min(self.a_second);
        self.looked = Instant::now();
        let answers = self.left >= 1.0;
        self.left -= f64::from(u8::from(answers));
        self.answered += u32::from(answers);
        self.refused += u32::from(!answers);
        answers
    }
}

async fn ask_for_ever(gate: Arc<Lane>, site: Arc<Mutex<Bucket>>, answer: Duration) {
    loop {
        let permit = gate.enter(Turn::Rest).await.unwrap();
        let is_answered = site.lock().unwrap().answers();
        if is_answered {
            sleep(answer).await;
            permit.was_answered();
        } else {
            sleep(Duration::from_millis(10)).await;
            permit.was_refused();
            gate.pause(Duration::from_secs(1), Timestamp::from_millis(0));
        }
    }
}

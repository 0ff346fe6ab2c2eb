//! The gate by itself: who passes first, and who not at all. Its pace has tests of its own.

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
async fn a_base_overtakes_whoever_waits() {
    let gate = gate(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = gate.enter(Turn::Rest).await.unwrap();
    let mut askers = tokio::task::JoinSet::new();
    for (arrival, turn) in [Turn::Rest, Turn::Rest, Turn::Base, Turn::Rest].into_iter().enumerate() {
        let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
        askers.spawn(async move {
            sleep(Duration::from_millis(arrival as u64)).await;
            let _permit = gate.enter(turn).await.unwrap();
            order.lock().unwrap().push(turn);
            sleep(Duration::from_secs(1)).await;
        });
    }
    sleep(Duration::from_secs(1)).await;

    drop(held);
    askers.join_all().await;

    assert_eq!(*order.lock().unwrap(), [Turn::Base, Turn::Rest, Turn::Rest, Turn::Rest]);
}

#[tokio::test(start_paused = true)]
async fn a_base_that_goes_away_holds_nobody_up() {
    let gate = gate(1);
    let held = gate.enter(Turn::Rest).await.unwrap();
    let given_up = tokio::time::timeout(Duration::from_secs(1), gate.enter(Turn::Base)).await;
    assert!(given_up.is_err());

    drop(held);

    gate.enter(Turn::Rest).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lane_beside_shares_the_permits_and_the_bases_precedence() {
    let gate = gate(1);
    let beside = gate.beside(Asking::new(&ConnectionName::new("beta").unwrap()));
    let held = gate.enter(Turn::Rest).await.unwrap();
    let begun = Instant::now();
    let enter = async |lane: &Lane, turn| {
        let permit = lane.enter(turn).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        drop(permit);
        begun.elapsed().as_secs()
    };

    let release = async {
        sleep(Duration::from_secs(5)).await;
        drop(held);
    };
    let (rest, base, ()) = tokio::join!(enter(&gate, Turn::Rest), enter(&beside, Turn::Base), release);

    assert_eq!((base, rest), (6, 7));
    assert_eq!((gate.permits(), beside.permits()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn nobody_passes_during_a_pause_and_a_base_goes_first_after_it() {
    let gate = gate(1);
    let now = Timestamp::from_millis(1_000_000);
    let begun = Instant::now();
    let until = gate.pause(Duration::from_secs(20), now);
    // A shorter pause does not end a longer one.
    assert_eq!(gate.pause(Duration::from_secs(5), now), until);
    assert_eq!(gate.paused_until(), Some(until));
    let enter = async |turn| {
        let permit = gate.enter(turn).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        drop(permit);
        begun.elapsed().as_secs()
    };

    let (rest, base) = tokio::join!(enter(Turn::Rest), enter(Turn::Base));

    assert_eq!((base, rest), (21, 22));
    assert_eq!(gate.paused_until(), None);
}

#[tokio::test(start_paused = true)]
async fn a_pause_too_long_to_wait_for_turns_everybody_away_at_once() {
    let gate = gate(1);
    let until = gate.pause(Duration::from_mins(6), Timestamp::from_millis(0));

    assert_eq!(gate.enter(Turn::Base).await.unwrap_err(), until);

    sleep(Duration::from_mins(2)).await;
    gate.enter(Turn::Base).await.unwrap();
}

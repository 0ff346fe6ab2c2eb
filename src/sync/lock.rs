//! A lock that a census may hold for half a second: who must wait for it leaves his worker to others.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

#[derive(Debug)]
pub(super) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => aside(|| self.0.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

/// Does what takes a while on a large site. The other tasks of this worker go on elsewhere: scrapes are among them.
pub(super) fn aside<T>(work: impl FnOnce() -> T) -> T {
    let has_other_workers =
        Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if has_other_workers { block_in_place(work) } else { work() }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::*;

    /// Far longer than anything here takes: only a test that fails waits for it.
    const FOR_EVER: Duration = Duration::from_secs(30);

    #[test]
    fn who_waits_for_the_lock_keeps_nobody_else_from_working() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let lock = Arc::new(Lock::new(0));
        let census = lock.lock();
        let (waiting, waits) = mpsc::channel();
        let learners: Vec<_> = (0..8)
            .map(|_| {
                let (lock, waiting) = (Arc::clone(&lock), waiting.clone());
                runtime.spawn(async move {
                    waiting.send(()).unwrap();
                    *lock.lock() += 1;
                })
            })
            .collect();
        // More than there are workers.
        for _ in 0..learners.len() {
            waits.recv_timeout(FOR_EVER).expect("each learner gets as far as the lock");
        }

        let (answer, answered) = mpsc::channel();
        runtime.spawn(async move { answer.send("a scrape").unwrap() });

        assert_eq!(answered.recv_timeout(FOR_EVER), Ok("a scrape"));
        drop(census);
        for learner in learners {
            runtime.block_on(learner).unwrap();
        }
        assert_eq!(*lock.lock(), 8);
    }

    #[tokio::test]
    async fn where_there_is_one_worker_it_waits_as_everybody_does() {
        let lock = Arc::new(Lock::new(7));
        let (held, is_held) = mpsc::channel();
        let holder = std::thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                let mut guard = lock.lock();
                held.send(()).unwrap();
                *guard = 8;
            }
        });
        is_held.recv().unwrap();
        assert_eq!(*lock.lock(), 8);
        holder.join().unwrap();
    }
}

//! Whose turn it is to print. URLs are asked at the same time, and shown in their order.

use std::sync::Arc;

use tokio::sync::watch;

/// Which of the URLs will print no more.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<watch::Sender<Vec<bool>>>);

/// The turn of one of them. It is over when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    place: usize,
}

impl Turns {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(watch::Sender::new(vec![false; count])))
    }

    pub(super) fn of(&self, place: usize) -> Turn {
        Turn { turns: self.clone(), place }
    }
}

impl Turn {
    /// Whether nobody was before it.
    pub(super) fn is_first(&self) -> bool {
        self.place == 0
    }

    /// Waits until all before it will print no more.
    pub(super) async fn come(&self) {
        let mut over = self.turns.0.subscribe();
        // There is a sender for as long as there is a turn.
        let _ = over.wait_for(|over| over.iter().take(self.place).all(|over| *over)).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.0.send_modify(|over| {
            if let Some(over) = over.get_mut(self.place) {
                *over = true;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_is_first_and_who_has_nothing_to_print_is_not_waited_for() {
        let turns = Turns::new(3);
        let (first, second, third) = (turns.of(0), turns.of(1), turns.of(2));
        first.come().await;
        drop(second);
        let waits = tokio::time::timeout(Duration::from_secs(1), third.come()).await;
        assert!(waits.is_err());
        drop(first);
        third.come().await;
    }
}

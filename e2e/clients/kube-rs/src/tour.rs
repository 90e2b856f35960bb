use std::{fmt::Debug, future::Future, time::Duration};

use anyhow::{Result, anyhow, bail};

const PATIENCE: Duration = Duration::from_secs(60);

/// Asks questions, one after the other. A verdict is a line that the command that started this program reads.
#[derive(Default, Debug)]
pub struct Tour {
    failures: usize,
}

impl Tour {
    pub async fn check(&mut self, sentence: &str, question: impl Future<Output = Result<()>>) {
        let answer = tokio::time::timeout(PATIENCE, question).await.unwrap_or_else(|_| Err(anyhow!("no answer within a minute")));
        match answer {
            Ok(()) => println!("ok      {sentence}"),
            Err(error) => {
                self.failures += 1;
                println!("failed  {sentence}: {}", format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
    }

    /// The exit code of the program.
    pub fn end(self) -> i32 {
        i32::from(self.failures > 0)
    }
}

/// Looks until it holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    for _ in 0..600 {
        if holds() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("never {what}")
}

/// Waits for it, but not for long.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(Duration::from_secs(20), future).await.map_err(|_| anyhow!("waited in vain for {what}"))
}

//! Timing of calls in batches, as benches/compare/timing.py does it.

use std::error::Error;
use std::time::Instant;

use serde::Serialize;

use crate::engines::Loaded;

/// A batch is at least this long, so that reading the clock costs nothing; short enough to fit between
/// two interruptions.
const BATCH_SECONDS: f64 = 200e-6;

/// Times one workload.
#[derive(Default)]
pub struct Timer {
    /// In a batch; 0 before it is known.
    calls: usize,
}

/// Seconds a call.
#[derive(Serialize)]
pub struct Round {
    best: f64,
    median: f64,
    calls: usize,
}

impl Timer {
    /// Batches for about `seconds`, one at least.
    pub fn round(
        &mut self,
        loaded: &mut dyn Loaded,
        seconds: f64,
    ) -> Result<Round, Box<dyn Error>> {
        if self.calls == 0 {
            self.calls = calls_in_a_batch(loaded)?;
        }
        let mut took = Vec::new();
        let start = Instant::now();
        while took.is_empty() || start.elapsed().as_secs_f64() < seconds {
            took.push(batch(loaded, self.calls)? / self.calls as f64);
        }
        took.sort_by(f64::total_cmp);
        Ok(Round {
            best: took[0],
            median: took[took.len() / 2],
            calls: self.calls * took.len(),
        })
    }
}

fn calls_in_a_batch(loaded: &mut dyn Loaded) -> Result<usize, Box<dyn Error>> {
    let mut calls = 1;
    while batch(loaded, calls)? < BATCH_SECONDS {
        calls *= 2;
    }
    Ok(calls)
}

fn batch(loaded: &mut dyn Loaded, calls: usize) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    for _ in 0..calls {
        loaded.call()?;
    }
    Ok(start.elapsed().as_secs_f64())
}

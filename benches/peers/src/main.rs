//! Runs one engine: JSON commands on stdin, JSON answers on stdout, one a line.
//!
//! `linn-peers ENGINE THREADS`; benches/peers.py starts it, pins it to cores and asks it.

#[path = "../../pooling/call.rs"]
mod call;
mod elements;
mod engines;
mod protocol;
mod timing;
#[path = "../../pooling/workload.rs"]
mod workload;

use std::error::Error;
use std::io::{self, BufRead, Write};

use engines::{Engine, Loaded};
use protocol::{Command, Reply};
use timing::Timer;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, threads] = arguments.as_slice() else {
        return Err("usage: linn-peers ENGINE THREADS".into());
    };
    let engine = match engines::find(name, threads.parse()?) {
        Ok(engine) => engine,
        Err(error) => return Ok(say(&Reply::error(error.as_ref()))?),
    };
    say(&Reply::Version {
        version: engines::version(name),
    })?;
    // On the engine's own threads, so that a call need not wake one.
    let mut served = Ok(());
    engine.within(&mut || served = serve(engine.as_ref()));
    Ok(served?)
}

/// A workload that is ready.
struct Ready {
    loaded: Box<dyn Loaded>,
    timer: Timer,
}

fn serve(engine: &dyn Engine) -> io::Result<()> {
    let mut ready = None;
    for line in io::stdin().lock().lines() {
        match reply(engine, &line?, &mut ready) {
            Ok(reply) => say(&reply)?,
            Err(error) => say(&Reply::error(error.as_ref()))?,
        }
    }
    Ok(())
}

fn reply(
    engine: &dyn Engine,
    line: &str,
    ready: &mut Option<Ready>,
) -> Result<Reply, Box<dyn Error>> {
    match serde_json::from_str(line)? {
        Command::Load {
            workload,
            model,
            input,
        } => {
            // What the last workload took is given back first.
            *ready = None;
            let loaded = engine.load(&workload, &model, &std::fs::read(input)?)?;
            let timer = Timer::default();
            *ready = Some(Ready { loaded, timer });
            Ok(Reply::Done {})
        }
        Command::Answer { outputs } => {
            let found = loaded(ready)?.loaded.answer()?;
            for (path, output) in outputs.iter().zip(&found) {
                std::fs::write(path, &output.bytes)?;
            }
            let types = found.iter().map(|output| output.dtype).collect();
            Ok(Reply::Types { types })
        }
        Command::Time { seconds } => {
            let Ready { loaded, timer } = loaded(ready)?;
            Ok(Reply::Round(timer.round(loaded.as_mut(), seconds)?))
        }
    }
}

fn loaded(ready: &mut Option<Ready>) -> Result<&mut Ready, &'static str> {
    ready.as_mut().ok_or("no model is loaded")
}

fn say(reply: &Reply) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(reply)?)?;
    stdout.flush()
}

//! How the program behaves among others: signals, streams that are closed or full, variables of the environment.

use std::fs::{self, File};
use std::process::{Command, Output, Stdio};

use crate::support::program::{case, model};
use crate::{DEFAULT, Files, PADS};

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linn"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

#[cfg(unix)]
mod signals {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, ExitStatus};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use super::*;

    fn send(signal: &str, to: &Child) {
        // That of the shell: not every system has a program of that name.
        let kill = format!("kill -s {signal} {}", to.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("there is a shell").success());
    }

    /// Waits until the program is at its main work, which it says before that.
    fn wait_for_note(child: &mut Child) {
        let stderr = child.stderr.take().expect("stderr is piped");
        let line = BufReader::new(stderr).lines().next();
        let line = line.expect("a line").expect("a text");
        assert!(line.starts_with("note: the inputs are"), "{line}");
    }

    /// Starts a benchmark that takes so long.
    fn benchmark(time: &str, save: &str) -> Child {
        let model = model(DEFAULT);
        let mut child = program(&["bench", &model, "--time", time, "--save", save])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        wait_for_note(&mut child);
        child
    }

    fn ends_soon(child: &mut Child) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("it can be asked for") {
                return status;
            }
            if start.elapsed() > Duration::from_secs(20) {
                let _ = child.kill();
                panic!("it goes on");
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// A shell gives 128 and the number of the signal: 130, 143, 129.
    #[test]
    fn a_signal_ends_long_work() {
        let files = Files::new();
        fs::write(files.path("base.json"), "old").unwrap();
        for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
            let mut child = benchmark("300s", &files.at("base.json"));
            send(name, &child);
            assert_eq!(ends_soon(&mut child).signal(), Some(number), "{name}");
        }
        assert_eq!(files.names(), ["base.json"]);
        assert_eq!(fs::read(files.path("base.json")).unwrap(), b"old");
    }

    #[test]
    fn a_file_that_is_half_written_is_taken_away() {
        for (name, number) in [("INT", 2), ("TERM", 15)] {
            let files = Files::new();
            fs::write(files.path("y.json"), "old").unwrap();
            let (out, folder) = (files.at("y.json"), files.at("new/er/"));
            let pool = [
                "pool",
                "max",
                "--input",
                "8x1024x1024",
                "-k",
                "1",
                "-s",
                "1",
            ];
            let mut child = program(&[&pool[..], &["-o", &out, "-o", &folder]].concat())
                .spawn()
                .expect("the program starts");
            let start = Instant::now();
            while !files.names().iter().any(|name| name.starts_with(".linn-")) {
                let elapsed = start.elapsed();
                assert!(elapsed < Duration::from_secs(20), "it writes nothing");
                assert_eq!(child.try_wait().expect("it can be asked for"), None);
                sleep(Duration::from_millis(1));
            }
            assert!(files.path("new/er").is_dir());
            send(name, &child);
            assert_eq!(ends_soon(&mut child).signal(), Some(number), "{name}");
            assert_eq!(files.names(), ["y.json"]);
            assert_eq!(fs::read(files.path("y.json")).unwrap(), b"old");
        }
    }

    /// As under nohup.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_hangup_that_was_ignored_stays_so() {
        let files = Files::new();
        let linn = env!("CARGO_BIN_EXE_linn");
        let (model, save) = (model(DEFAULT), files.at("base.json"));
        let script = "trap '' HUP; exec \"$0\" \"$@\"";
        let mut child = Command::new("sh")
            .args([
                "-c", script, linn, "bench", &model, "--time", "500ms", "--save", &save,
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        wait_for_note(&mut child);
        send("HUP", &child);
        assert_eq!(ends_soon(&mut child).code(), Some(0));
        assert_eq!(files.names(), ["base.json"]);
    }
}

/// Where a reader has gone before anything was written.
#[test]
fn a_closed_pipe_is_quiet() {
    let case = case(PADS);
    for args in [
        &["ops"][..],
        &["--help"],
        &["run", &case],
        &["run", "--help"],
    ] {
        let mut child = program(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let Output { status, stderr, .. } = child.wait_with_output().expect("the program ends");
        let stderr = text(stderr);
        assert_eq!(status.code(), Some(0), "{args:?} {stderr}");
        assert!(!stderr.contains("error"), "{args:?} {stderr}");
    }
}

#[test]
fn a_closed_stderr_is_no_reason_to_stop() {
    let model = model(PADS);
    for (args, code) in [
        (&["run", &model][..], 0),
        (&["run", "none.onnx"], 8),
        (&["run"], 2),
    ] {
        let mut child = program(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stderr.take());
        let Output { status, stdout, .. } = child.wait_with_output().expect("the program ends");
        assert_eq!(status.code(), Some(code), "{args:?}");
        assert_eq!(stdout.is_empty(), code != 0, "{args:?}");
    }
}

#[cfg(unix)]
#[test]
fn closed_descriptors_are_no_reason_to_stop() {
    let linn = env!("CARGO_BIN_EXE_linn");
    let run = |redirection: &str, model: &str| {
        let script = format!("\"$0\" run \"$1\" {redirection}");
        let args = ["-c", &script, linn, model];
        Command::new("sh")
            .args(args)
            .output()
            .expect("there is a sh")
    };
    let closed = run(">&-", &case(PADS));
    assert_eq!(closed.status.code(), Some(0));
    let closed = run("2>&-", &case(PADS));
    assert_eq!(closed.status.code(), Some(0));
    assert!(text(closed.stdout).starts_with("y  f32[1,1,5,5]"));
    assert_eq!(run("2>&-", "none.onnx").status.code(), Some(8));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error_on_one_line() {
    let case = case(PADS);
    let full = || {
        File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it")
    };
    for args in [
        &["run", &case][..],
        &["run", &case, "-o", "-"],
        &["ops"],
        &["pool", "max", "--input", "4x4", "-k", "2", "-s", "2"],
        &["test", &case],
        &["--help"],
        &["bench", "--help"],
        &["--version"],
    ] {
        let Output { status, stderr, .. } = program(args)
            .stdout(full())
            .output()
            .expect("the program starts");
        let stderr = text(stderr);
        assert_eq!(status.code(), Some(8), "{args:?} {stderr}");
        let errors = stderr.lines().filter(|line| !line.starts_with("note: "));
        let errors: Vec<&str> = errors.collect();
        assert!(
            matches!(errors[..], [line] if line.starts_with("error: stdout: No space left")),
            "{args:?} {stderr}"
        );
    }
    // Errors of usage go to stderr, where nobody can be told.
    let usage = program(&["run"]).stderr(full()).status();
    assert_eq!(usage.expect("the program starts").code(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn outputs_that_find_no_space_are_errors_on_one_line() {
    let files = Files::new();
    let case = case(PADS);
    for name in ["y.npy", "y.json", "y.npz", "y.pb"] {
        std::os::unix::fs::symlink("/dev/full", files.path(name)).unwrap();
        let out = files.at(name);
        let Output { status, stderr, .. } = program(&["run", &case, "-o", &out])
            .output()
            .expect("the program starts");
        let stderr = text(stderr);
        assert_eq!(status.code(), Some(8), "{stderr}");
        let errors: Vec<&str> = stderr
            .lines()
            .filter(|line| !line.starts_with("note: "))
            .collect();
        assert!(
            matches!(errors[..], [line] if line.starts_with("error: /dev/full: No space left")),
            "{stderr}"
        );
        assert!(files.path(name).is_symlink());
    }
    let json = program(&["test", &case, "--json", "/dev/full"]).output();
    assert_eq!(json.expect("the program starts").status.code(), Some(8));
}

/// Stacks as large as no system has make threads fail.
#[cfg(target_pointer_width = "64")]
#[test]
fn threads_that_cannot_be_had_are_an_error_on_one_line() {
    let model = model(DEFAULT);
    for (args, code) in [
        (&["run", &model, "-i", "ones"][..], 7),
        (&["run", &model, "-i", "ones", "--threads", "2"], 7),
        (&["bench", &model], 8),
        (&["test", "models"], 8),
        (&["env"], 8),
    ] {
        let output = program(args)
            .env("RUST_MIN_STACK", (1u64 << 60).to_string())
            .output()
            .expect("the program starts");
        let stderr = text(output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: "), "{args:?}: {stderr}");
        assert!(stderr.contains("threads"), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn nothing_is_drawn_into_pipes() {
    let model = model(DEFAULT);
    let args = ["bench", &model, "--time", "1500ms", "--warmup", "0s"];
    let output = program(&args)
        .env("TERM", "xterm-256color")
        .env_remove("CI")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(0));
    for stream in [output.stdout, output.stderr] {
        let stream = text(stream);
        assert!(!stream.contains(['\u{1b}', '\r']), "{stream:?}");
    }
}

/// What a command writes to stdout and stderr, into pipes, with these variables.
fn written(args: &[&str], variables: &[(&str, &str)]) -> String {
    let output = program(args)
        .env_remove("CI")
        .env("TERM", "xterm")
        .envs(variables.iter().copied())
        .output()
        .expect("the program starts");
    text(output.stdout) + &text(output.stderr)
}

#[test]
fn colours_are_where_they_are_wanted() {
    let (good, none) = (case(PADS), ["run", "none.onnx"]);
    let commands = [
        &["--help"][..],
        &["bench", "--help"],
        &["run"],
        &none,
        &["run", &good],
        &["test", &good],
    ];
    let force = ("CLICOLOR_FORCE", "1");
    for args in commands {
        let has_colours = |variables: &[(&str, &str)]| written(args, variables).contains('\u{1b}');
        assert!(!has_colours(&[]), "{args:?}");
        assert!(!has_colours(&[("CLICOLOR", "1")]), "{args:?}");
        assert!(has_colours(&[force]), "{args:?}");
        assert!(!has_colours(&[("CLICOLOR_FORCE", "")]), "{args:?}");
        assert!(!has_colours(&[force, ("NO_COLOR", "1")]), "{args:?}");
        assert!(has_colours(&[force, ("NO_COLOR", "")]), "{args:?}");

        let with = |when| [args, &["--color", when]].concat();
        let always = written(&with("always"), &[("NO_COLOR", "1")]);
        assert!(always.contains('\u{1b}'), "{args:?}");
        let never = written(&with("never"), &[force]);
        assert!(!never.contains('\u{1b}'), "{args:?}");
        let auto = written(&with("auto"), &[force]);
        assert!(auto.contains('\u{1b}'), "{args:?}");
    }
    let error = written(&none, &[force]);
    let start = "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m none.onnx: ";
    assert!(error.starts_with(start), "{error:?}");
    let counts = written(&["test", &good], &[force]);
    assert!(
        counts.contains("1 passed\u{1b}[0m, 0 failed, "),
        "{counts:?}"
    );
    // Data have none.
    let document = written(&["run", &good, "-o", "-", "--color", "always"], &[]);
    assert!(document.starts_with("{\"schema\""), "{document:?}");
    let sometimes = written(&["ops", "--color", "sometimes"], &[]);
    assert!(
        sometimes.contains("invalid value 'sometimes'"),
        "{sometimes}"
    );
}

#[test]
fn columns_are_kept_to() {
    let widest = |args: &[&str], columns: &str| {
        let text = written(args, &[("COLUMNS", columns)]);
        let lines = text.lines().filter(|line| !line.starts_with("note: "));
        lines.map(|line| line.chars().count()).max().unwrap_or(0)
    };
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/models/light/squeezenet.onnx");
    assert!(widest(&["inspect", network], "100") <= 100);
    assert!(widest(&["inspect", network], "200") > 100);
    // The examples are lines to be copied, and stay whole.
    let options = |columns: &str| {
        let text = written(&["ops", "-h"], &[("COLUMNS", columns)]);
        let (text, _) = text.split_once("Examples:").expect("they are the last");
        text.lines().map(|line| line.chars().count()).max()
    };
    assert!(options("50") <= Some(50) && options("50") < options("100"));
}

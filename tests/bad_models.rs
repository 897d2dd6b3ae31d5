//! Models and inputs that are broken or delicate, by the list in tests/data/bad-models: each gives the error or the
//! values that it should, soon, in little memory, from the library and from the program alike.
#![cfg(feature = "cli")]

#[path = "bad_models/large.rs"]
mod large;
#[path = "bad_models/made.rs"]
mod made;
#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use linn::{Class, Error, Model, Options, Tensor, read_tensor};
use serde::Deserialize;
use tempfile::TempDir;

/// The bytes that no output may show.
const MARKER: &[u8] = b"linn must not read this file! ..";
const MEMORY: usize = 256 << 20;
/// The most that a process may have resident under that limit.
const RESIDENT: usize = 512 << 20;

#[derive(Deserialize)]
struct Index {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
    accept: Vec<String>,
    mention: Vec<String>,
    inputs: Vec<Named>,
    outputs: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    file: String,
    #[serde(default)]
    rtol: f64,
    #[serde(default)]
    atol: f64,
}

/// The cases in a folder of their own, a secret beside them.
fn corpus() -> (TempDir, Vec<Case>) {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad-models");
    copy(&stored, folder.path());
    fs::create_dir(folder.path().join("_outside")).expect("a folder");
    let secret = MARKER.repeat(4096 / MARKER.len());
    fs::write(folder.path().join("_outside/secret.bin"), secret).expect("a file");
    let text = fs::read(stored.join("index.json")).expect("the list");
    let index: Index = serde_json::from_slice(&text).expect("the list is JSON");
    let mut cases = index.cases;
    assert_eq!(cases.len(), 298);
    let made = serde_json::to_value(made::cases(folder.path())).expect("JSON");
    let made: Vec<Case> = serde_json::from_value(made).expect("cases");
    cases.extend(made);
    (folder, cases)
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// What a run of the program took, in bytes at most.
struct Taken {
    time: Duration,
    resident: usize,
}

impl Case {
    /// Whether a failure of this kind, or none, is right.
    fn check_class(&self, class: Option<Class>) -> Result<(), String> {
        let accepted = |name: &str| self.accept.iter().any(|accepted| accepted == name);
        let right = match class {
            None => accepted("valid"),
            Some(Class::Invalid | Class::Unsupported) => accepted("load_error"),
            Some(Class::Input | Class::Run) => accepted("run_error"),
            Some(_) => accepted("load_error") || accepted("run_error"),
        };
        match right {
            true => Ok(()),
            false => Err(format!("{class:?} is none of {:?}", self.accept)),
        }
    }

    /// Whether a message says what is wrong, in one line of printable characters.
    fn check_message(&self, message: &str, root: &Path) -> Result<(), String> {
        // A word that is in the path of the model says nothing.
        let path = root.join(&self.file).display().to_string();
        let lower = message.replace(&path, "").to_lowercase();
        let named = self.mention.iter().any(|word| says(&lower, word));
        if !self.mention.is_empty() && !named {
            return Err(format!("{message:?} has none of {:?}", self.mention));
        }
        match message.contains(char::is_control) {
            true => Err(format!("{message:?} has control characters")),
            false => Ok(()),
        }
    }

    fn check_values(
        &self,
        root: &Path,
        get: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<(), String> {
        for expected in &self.outputs {
            let bytes = fs::read(root.join(&expected.file)).expect("the expected values");
            let (_, wanted) = read_tensor(bytes).expect("a tensor");
            let got = get(&expected.name).ok_or("an output is missing")?;
            if got.dtype() != wanted.dtype() || got.shape() != wanted.shape() {
                return Err(format!("{} is {got}, not {wanted}", expected.name));
            }
            for (got, wanted) in support::numbers(&got)
                .into_iter()
                .zip(support::numbers(&wanted))
            {
                let close = (got - wanted).abs() <= expected.atol + expected.rtol * wanted.abs();
                if !(close || got == wanted || got.is_nan() && wanted.is_nan()) {
                    return Err(format!("{} has {got}, not {wanted}", expected.name));
                }
            }
        }
        Ok(())
    }

    fn in_library(&self, root: &Path) -> Result<(), String> {
        let mut options = Options::default();
        options.memory_limit = MEMORY;
        let run = || -> Result<linn::Outputs, (Class, Error)> {
            let with_class = |error: Error| (error.class(), error);
            let model = Model::load_with(root.join(&self.file), &options).map_err(with_class)?;
            let mut inputs = Vec::new();
            for input in &self.inputs {
                let bytes = fs::read(root.join(&input.file)).expect("an input file");
                // A broken input is the caller's, whatever the error says of the bytes.
                let (_, tensor) = read_tensor(bytes).map_err(|error| (Class::Input, error))?;
                inputs.push((&input.name, tensor));
            }
            let inputs = inputs.iter().map(|(name, tensor)| (name, tensor));
            model.run(inputs).map_err(with_class)
        };
        match run() {
            Ok(outputs) => {
                self.check_class(None)?;
                self.check_values(root, |name| outputs.get(name).cloned())
            }
            Err((class, error)) => {
                self.check_class(Some(class))?;
                self.check_message(&error.to_string(), root)
            }
        }
    }

    fn in_program(&self, root: &Path, limited: bool) -> Result<Taken, String> {
        let results = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_linn"));
        command.arg("run").arg(root.join(&self.file));
        if limited {
            command.args(["--max-memory", "256M"]);
        }
        for input in &self.inputs {
            let path = root.join(&input.file);
            command
                .arg("-i")
                .arg(format!("{}={}", input.name, path.display()));
        }
        let path_of = |name: &str| results.path().join(format!("{name}.pb"));
        for output in &self.outputs {
            let path = path_of(&output.name);
            command
                .arg("-o")
                .arg(format!("{}={}", output.name, path.display()));
        }
        let began = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut resident = 0;
        while child.try_wait().expect("it can be waited for").is_none() {
            resident = resident.max(high_water_mark(child.id()));
            if began.elapsed() > Duration::from_secs(60) {
                child.kill().expect("it can be ended");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let taken = Taken {
            time: began.elapsed(),
            resident,
        };
        let output = child.wait_with_output().expect("it has ended");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        for stream in [&output.stdout[..], stderr.as_bytes()] {
            if stream.windows(MARKER.len()).any(|bytes| bytes == MARKER) {
                return Err("a file outside was read".to_string());
            }
        }
        if limited && resident > RESIDENT {
            return Err(format!("{resident} bytes are resident"));
        }
        let class = match output.status.code() {
            Some(0) => None,
            Some(3) => Some(Class::Invalid),
            Some(4) => Some(Class::Unsupported),
            Some(5) => Some(Class::Input),
            Some(6) => Some(Class::Run),
            Some(7) => Some(Class::Limit),
            Some(8) => Some(Class::Io),
            other => return Err(format!("the exit code is {other:?}: {stderr}")),
        };
        self.check_class(class)?;
        if class.is_none() {
            let read = |name: &str| Some(read_tensor(fs::read(path_of(name)).ok()?).ok()?.1);
            self.check_values(root, read)?;
            return Ok(taken);
        }
        let errors: Vec<&str> = stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        let [error] = errors[..] else {
            return Err(format!("{} lines are errors: {stderr}", errors.len()));
        };
        self.check_message(error, root)?;
        if stderr.contains(|c: char| c.is_control() && c != '\n') {
            return Err(format!("{stderr:?} has control characters"));
        }
        if !output.stdout.is_empty() {
            return Err("something is on stdout".to_string());
        }
        match fs::read_dir(results.path()).expect("a folder").next() {
            None => Ok(taken),
            Some(_) => Err("a file is left".to_string()),
        }
    }
}

/// The most bytes that a process has had resident so far, 0 where the system does not tell.
fn high_water_mark(process: u32) -> usize {
    let status = fs::read_to_string(PathBuf::from(format!("/proc/{process}/status")));
    let status = status.unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}

/// Whether a word is in the text; one of a letter, which is a name, as a word of its own.
fn says(text: &str, word: &str) -> bool {
    match word.len() {
        1 => text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|part| part == word),
        _ => text.contains(word),
    }
}

/// Every failure at once.
fn report(failures: &[String]) {
    assert!(
        failures.is_empty(),
        "{} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// The tests one by one, so that none takes the time of another.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_library_answers_each_as_it_should() {
    let _alone = alone();
    let (folder, cases) = corpus();
    let results = cases.iter().filter_map(|case| {
        let error = case.in_library(folder.path()).err()?;
        Some(format!("{}: {error}", case.name))
    });
    report(&results.collect::<Vec<_>>());
}

/// Up to ten times a case that took too long, so that a busy machine is not taken for a slow program.
#[test]
fn the_program_answers_each_soon_and_in_little_memory() {
    let _alone = alone();
    let (folder, cases) = corpus();
    let mut failures = Vec::new();
    for case in &cases {
        let mut best = Duration::MAX;
        for _ in 0..10 {
            match case.in_program(folder.path(), true) {
                Ok(taken) => best = best.min(taken.time),
                Err(error) => {
                    failures.push(format!("{}: {error}", case.name));
                    best = Duration::ZERO;
                }
            }
            if best < Duration::from_secs(1) {
                break;
            }
        }
        if best >= Duration::from_secs(1) {
            failures.push(format!("{}: it took {best:?}", case.name));
        }
    }
    report(&failures);
}

/// Their time has no bound here: much of it is reading them.
#[test]
fn large_files_are_answered_in_little_memory() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let results = large::NAMES.iter().filter_map(|name| {
        let case = large::case(folder.path(), name);
        let case: Case = serde_json::from_value(case).expect("a case");
        let result = case.in_program(folder.path(), true);
        if let Ok(Taken { time, resident }) = &result {
            println!("{name}: {time:?}, {resident} bytes");
        }
        fs::remove_file(folder.path().join(&case.file)).expect("it is there");
        Some(format!("{name}: {}", result.err()?))
    });
    report(&results.collect::<Vec<_>>());
}

#[test]
fn the_program_answers_each_with_its_defaults() {
    let _alone = alone();
    let (folder, cases) = corpus();
    let results = cases.iter().filter_map(|case| {
        let error = case.in_program(folder.path(), false).err()?;
        Some(format!("{}: {error}", case.name))
    });
    report(&results.collect::<Vec<_>>());
}

#[cfg(unix)]
#[test]
fn links_are_followed_beneath_the_folder_that_is_allowed_and_nowhere_else() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["model", "cache", "elsewhere"] {
        fs::create_dir(path(name)).expect("a folder");
    }
    let weights: Vec<u8> = [1f32, 2.0, 3.0, 4.0]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    for name in ["cache/w.data", "elsewhere/w.data"] {
        fs::write(path(name), &weights).expect("a file");
    }
    fs::write(path("model/model.onnx"), made::external("w.data")).expect("a file");
    let load = |target: &str, root: Option<&str>| {
        let link = path("model/w.data");
        let _ = fs::remove_file(&link);
        symlink(path(target), link).expect("a link");
        let mut options = Options::default();
        options.external_data_root = root.map(path);
        Model::load_with(path("model/model.onnx"), &options).map(drop)
    };
    let refused = load("cache/w.data", None).expect_err("links are not followed");
    let help = refused.help().expect("it says what to do");
    assert!(help.contains("Options::external_data_root"), "{help}");
    load("cache/w.data", Some("cache")).expect("the link is allowed");
    load("cache/w.data", Some(".")).expect("the link is allowed");
    load("elsewhere/w.data", Some("cache")).expect_err("it leads elsewhere");
    load("cache/../elsewhere/w.data", Some("cache")).expect_err("it leads elsewhere");
    load("cache", Some(".")).expect_err("a folder is no file");
    load("/dev/zero", Some("/dev")).expect_err("a device is no file");
    let model = path("model/model.onnx").display().to_string();
    load("cache/w.data", Some("cache")).expect("the link is allowed");
    let run = |root: &str| {
        let root = path(root).display().to_string();
        support::program::linn(&["run", &model, "--external-data-root", &root])
    };
    run("cache").works();
    run("elsewhere").fails(3, "through a link");
    support::program::linn(&["run", &model]).fails(3, "help: --external-data-root DIR");
    let check = |options: &[&str]| {
        support::program::linn(&[&["check", &model, "--format", "json"], options].concat())
    };
    let cache = path("cache").display().to_string();
    let refused = check(&[]);
    assert_eq!(refused.code, Some(3));
    let document = refused.json();
    let help = document["models"][0]["help"].as_str().expect("a help");
    assert!(help.contains("--external-data-root DIR"), "{help}");
    let allowed = check(&["--external-data-root", &cache]).works().json();
    assert_eq!(allowed["models"][0]["status"], "ok");
    let mut options = Options::default();
    options.external_data_root = Some(path("cache"));
    assert_eq!(
        Model::check_with(&model, &options).expect("it is valid"),
        []
    );
}

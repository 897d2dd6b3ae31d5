//! What the program tells about itself: `linn env`, `linn completions`, `linn man`.

use std::fs;
use std::process::{Command, Output};

use linn::Simd;
use serde_json::{Value, json};

use crate::Files;
use crate::support::program::linn;

/// Runs `linn env` with this number of threads asked for, or none.
fn env(threads: Option<&str>, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linn"));
    command
        .arg("env")
        .args(args)
        .env_remove("RAYON_NUM_THREADS");
    command.envs(threads.map(|threads| ("RAYON_NUM_THREADS", threads)));
    let Output { status, stdout, .. } = command.output().expect("the program starts");
    assert!(status.success());
    String::from_utf8(stdout).expect("stdout is text")
}

fn env_document(threads: Option<&str>) -> Value {
    serde_json::from_str(&env(threads, &["--format", "json"])).expect("a document")
}

#[test]
fn env_tells_what_linn_runs_on() {
    let document = env_document(None);
    assert_eq!(document["schema"], "linn.env/1");
    assert_eq!(document["linn"], env!("CARGO_PKG_VERSION"));
    let levels: Vec<&str> = Simd::available().into_iter().map(Simd::name).collect();
    let simd = json!({"best": Simd::best().name(), "available": levels});
    assert_eq!(document["simd"], simd);
    assert_eq!(document["arch"], std::env::consts::ARCH);
    let limit = document["memory"]["limit_bytes"]
        .as_u64()
        .expect("a number");
    assert!(0 < limit && limit <= 4 << 30, "{document}");
    if cfg!(target_os = "linux") {
        let available = document["memory"]["available_bytes"].as_u64();
        assert!(available.expect("a number") > 1 << 20, "{document}");
    }
    let text = env(None, &[]);
    assert!(
        text.starts_with(concat!("linn       ", env!("CARGO_PKG_VERSION"), "\n")),
        "{text}"
    );
    assert!(
        text.contains(&format!("\nsimd       {}, of ", Simd::best())),
        "{text}"
    );
    assert!(
        text.contains("\nRAYON_NUM_THREADS  -        how many threads work\n"),
        "{text}"
    );
}

#[test]
fn env_tells_why_there_are_so_many_threads() {
    let threads = |variable| env_document(variable)["threads"].clone();
    let asked = threads(Some("3"));
    assert_eq!(
        asked,
        json!({"count": 3, "reason": "as RAYON_NUM_THREADS says"})
    );
    let usual = threads(None);
    let processors = "one for each processor that the process may use";
    assert_eq!(usual["reason"], processors);
    assert!(usual["count"].as_u64().expect("a number") >= 1);
    assert_eq!(threads(Some("0")), usual);
    let wrong = threads(Some("many"));
    assert_eq!(wrong["count"], usual["count"]);
    let reason = wrong["reason"].as_str().expect("a text");
    assert!(
        reason.ends_with("RAYON_NUM_THREADS is 'many', which is no number"),
        "{reason}"
    );
    let text = env(Some("3"), &[]);
    assert!(
        text.contains("\nthreads    3: as RAYON_NUM_THREADS says\n"),
        "{text}"
    );
    assert!(
        text.contains("\nRAYON_NUM_THREADS  3        how many"),
        "{text}"
    );
}

#[test]
fn completions_are_there_for_each_shell() {
    for (shell, part) in [
        ("bash", "complete -F _linn"),
        ("elvish", "edit:completion:arg-completer[linn]"),
        ("fish", "complete -c linn"),
        ("powershell", "Register-ArgumentCompleter"),
        ("zsh", "#compdef linn"),
    ] {
        let script = linn(&["completions", shell]).works().text();
        assert!(
            script.contains(part) && script.contains("optimized"),
            "{script}"
        );
    }
    linn(&["completions", "csh"]).fails_as_usage("invalid value 'csh'");
    linn(&["completions"]).fails_as_usage("<SHELL>");
}

#[test]
fn the_manual_has_a_page_for_each_subcommand() {
    let page = linn(&["man"]).works().text();
    assert!(page.contains(".TH linn 1"), "{page}");
    assert!(page.contains("linn\\-run(1)"), "{page}");

    let files = Files::new();
    let folder = files.path("man/man1");
    assert_eq!(linn(&["man", &folder.to_string_lossy()]).works().text(), "");
    let help = linn(&["help"]).works().text();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let mut count = 0;
    // Lines that go on are indented more.
    let named = commands.filter(|line| !line.starts_with("   "));
    for command in named.filter_map(|line| line.split_whitespace().next()) {
        if command == "help" {
            continue;
        }
        let page = fs::read_to_string(folder.join(format!("linn-{command}.1"))).unwrap();
        assert!(page.contains(&format!("linn\\-{command} \\- ")), "{page}");
        count += 1;
    }
    assert!(count >= 10, "{help}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), count + 1);
    let run = fs::read_to_string(folder.join("linn-run.1")).unwrap();
    assert!(
        run.contains("\\-\\-profile") && run.contains("Exit codes: 0 done"),
        "{run}"
    );

    fs::write(files.path("file"), "").unwrap();
    linn(&["man", &files.at("file/man1")]).fails(8, "file/man1: ");
    linn(&["man", &files.at("file")]).fails(8, "file: is no folder");
}

#[test]
fn operators_are_chosen_by_domain_types_and_status() {
    let names = |args: &[&str]| -> Vec<String> {
        let text = linn(&[&["ops", "--format", "text"], args].concat())
            .works()
            .text();
        let names = text.lines().filter_map(|line| line.split('\t').next());
        names.map(str::to_string).collect()
    };
    let all = names(&[]);
    let has = |names: &[String], name: &str| names.iter().any(|found| found == name);
    assert!(has(&all, "MaxPool") && has(&all, "AveragePool"));
    let bytes = names(&["--types", "u8"]);
    assert!(
        has(&bytes, "MaxPool") && !has(&bytes, "AveragePool"),
        "{bytes:?}"
    );
    let both = names(&["--types", "u8,bf16"]);
    assert!(!has(&both, "com.microsoft.NhwcMaxPool"), "{both:?}");
    assert!(both.len() < bytes.len() && has(&both, "MaxPool"));

    let missing = names(&["--status", "missing"]);
    assert!(
        has(&missing, "Bernoulli") && !has(&missing, "MaxPool"),
        "{missing:?}"
    );
    assert_eq!(all.len(), linn::operators().count());
    assert_eq!(missing.len(), linn::missing_operators().count());
    let document = linn(&["ops", "--status", "missing", "--format", "json"])
        .works()
        .json();
    assert_eq!(document["status"], "missing");
    let operators = document["operators"].as_array().expect("a list");
    let bernoulli = operators.iter().find(|entry| entry["name"] == "Bernoulli");
    assert_eq!(
        bernoulli.expect("it is missing")["versions"],
        json!([15, 22])
    );

    let microsoft = names(&["--domain", "com.microsoft"]);
    assert!(!microsoft.is_empty() && microsoft.len() < all.len());
    assert!(
        microsoft
            .iter()
            .all(|name| name.starts_with("com.microsoft."))
    );
    assert_eq!(
        names(&["--domain", "ai.onnx"]).len() + microsoft.len(),
        all.len()
    );
    linn(&["ops", "--domain", "ai.onx"]).fails(2, "the domain 'ai.onx'");
    let other = linn(&["ops", "--status", "missing", "--domain", "com.microsoft"]).works();
    assert!(
        other
            .stderr
            .contains("the operators of ai.onnx alone are known in full"),
        "{}",
        other.stderr
    );
    linn(&["ops", "--domain", "ai.onx"]).fails(2, "\nhelp: did you mean 'ai.onnx'?");
    linn(&["ops", "--types", "f33"]).fails_as_usage("a similar value exists: 'f");
}

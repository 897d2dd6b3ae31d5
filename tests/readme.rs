//! What README.md and docs/operators.md show is what the program prints, the sessions and the table of operators; and what
//! docs/features.md names is there.
//!
//! `UPDATE_README=1 cargo test --test readme` writes the present output into them.
#![cfg(feature = "cli")]

use std::process::{Command, Output};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
const TABLE: [&str; 2] = ["<!-- operators -->\n", "<!-- /operators -->\n"];
const SESSION: [&str; 2] = ["```console\n", "```\n"];

#[test]
fn the_readme_shows_what_the_program_prints() {
    check("README.md", |shown| between(shown, SESSION, session));
}

#[test]
fn the_table_of_operators_is_what_the_program_prints() {
    let table = |_: &str| stdout(&["ops".to_string()]);
    check("docs/operators.md", |shown| between(shown, TABLE, table));
}

#[test]
fn each_feature_is_shown_by_a_test_that_exists_or_left_out_with_a_reason() {
    let page = std::fs::read_to_string(format!("{FOLDER}/docs/features.md")).expect("it is there");
    let mut named = 0;
    for line in page.lines() {
        for quoted in line.split('`').skip(1).step_by(2) {
            let Some((file, function)) = quoted.split_once(".rs::") else {
                continue;
            };
            let source = std::fs::read_to_string(format!("{FOLDER}/{file}.rs"))
                .unwrap_or_else(|error| panic!("{line}\n{file}.rs: {error}"));
            let test = format!("#[test]\n{}fn {function}()", indent(&source, function));
            assert!(source.contains(&test), "{line}\nis no test: {quoted}");
            named += 1;
        }
        let Some(row) = line.strip_prefix("| ") else {
            continue;
        };
        let row = row.strip_suffix('|').unwrap_or(row);
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, what, shown] = cells[..] else {
            panic!("{line}\nhas {} cells, must have 3", cells.len());
        };
        let reason =
            what.contains("left out: ") || what == "not yet" || what.contains("not tested");
        assert!(
            !shown.is_empty() || reason,
            "{line}\nneither shown nor left out"
        );
    }
    assert!(named >= 80, "only {named} tests are named");
}

/// What stands before a function of a module in a file.
fn indent(source: &str, function: &str) -> String {
    let line = source
        .lines()
        .find(|line| line.trim_start().starts_with(&format!("fn {function}(")));
    line.map_or(String::new(), |line| {
        " ".repeat(line.len() - line.trim_start().len())
    })
}

/// Compares a page with what it should be, or writes that.
fn check(page: &str, print: impl Fn(&str) -> String) {
    let file = format!("{FOLDER}/{page}");
    let shown = std::fs::read_to_string(&file).expect("the page can be read");
    let printed = print(&shown);
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&file, printed).expect("the page can be written");
        return;
    }
    for (number, (shown, printed)) in shown.lines().zip(printed.lines()).enumerate() {
        assert_eq!(shown, printed, "{page}, line {}", number + 1);
    }
    assert_eq!(shown, printed);
}

/// `text` with what stands between each pair of `marks` replaced.
fn between(text: &str, marks: [&str; 2], replace: impl Fn(&str) -> String) -> String {
    let (mut rest, mut out) = (text, String::new());
    while let Some((before, inside)) = rest.split_once(marks[0]) {
        let (inside, after) = inside.split_once(marks[1]).expect("each mark has its end");
        out += &[before, marks[0], &replace(inside), marks[1]].concat();
        rest = after;
    }
    assert!(!out.is_empty(), "{} is not in the page", marks[0]);
    out + rest
}

/// The commands of a session, each followed by what it prints on a terminal.
fn session(shown: &str) -> String {
    let mut printed = String::new();
    for line in shown.lines().filter(|line| line.starts_with("$ ")) {
        let command = line[2..]
            .strip_prefix("cargo run --release -- ")
            .or(line[2..].strip_prefix("linn "))
            .unwrap_or_else(|| panic!("{line}: not a command of linn"));
        let output = run(&words(command));
        let [stderr, stdout] = [output.stderr, output.stdout].map(text);
        printed += &format!("{line}\n{stderr}{stdout}");
    }
    printed
}

/// The words of a command; single quotes keep spaces.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for character in command.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("never empty").push(other),
        }
    }
    words
}

fn stdout(arguments: &[String]) -> String {
    text(run(arguments).stdout)
}

fn run(arguments: &[String]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_linn"))
        .args(arguments)
        .current_dir(FOLDER)
        // As on a terminal that can show what is to be shown.
        .envs([("LC_ALL", "C.UTF-8"), ("TERM", "xterm")])
        .env_remove("COLUMNS")
        .output()
        .expect("linn runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "linn {arguments:?}: {stderr}");
    output
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("linn prints UTF-8")
}

//! Which cases are run, what is expected of them, and what is reported.

use std::fs;

use serde_json::json;

use crate::suite::Folder;

#[test]
fn expectations_must_hold() {
    let folder = Folder::new();
    folder.maximum("s/right", 3.0);
    folder.maximum("s/wrong", 4.0);
    folder.maximum("s/slow", 4.0);
    let test = |text: &str| {
        folder.write("e.txt", text);
        folder.test(&["s", "--expectations", "e.txt"])
    };
    let good = "# known\n\nwrong: xfail it is 3\nslow: skip takes a day\nright: pass\n";
    let run = test(good).code(0);
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
    assert_eq!(
        run.last_line(),
        "1 passed, 0 failed, 1 skipped, 1 xfailed, 0 xpassed, 0 unsupported"
    );
    let run = test(&good.replace("pass", "xfail once")).code(1);
    assert_eq!(
        run.stdout.lines().next(),
        Some("xpassed right: passes, expected to fail: once")
    );
    let run = test(&format!("{good}gone: pass\n")).code(1);
    assert_eq!(
        run.stdout.lines().next(),
        Some("stale gone: e.txt:6 names no case")
    );
    let run = folder
        .test(&[
            "s",
            "--expectations",
            "e.txt",
            "--filter",
            "right",
            "--json",
            "-",
        ])
        .code(1);
    assert_eq!(run.json()["stale"], json!(["gone"]));
    let run = test("right: pass\nwrong: perhaps\n").code(2);
    assert_eq!(
        run.stderr,
        "error: e.txt:2: status 'perhaps' is none of pass, xfail, unsupported, skip\n"
    );
    folder.test(&["s", "--expectations", "none.txt"]).code(8);
}

#[test]
fn too_few_cases_are_an_error() {
    let folder = Folder::new();
    folder.maximum("s/a", 3.0);
    folder.maximum("s/b", 3.0);
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    folder.test(&[]).code(2);
    folder.test(&["empty"]).code(2);
    folder.test(&["s", "empty"]).code(2);
    folder.test(&["absent"]).code(8);
    folder.test(&["s", "--filter", "c"]).code(2);
    folder.test(&["s", "--filter", "("]).code(2);
    folder.test(&["s", "--min-tests", "2"]).code(0);
    let run = folder
        .test(&["s", "--min-tests", "2", "--exclude", "a"])
        .code(2);
    assert_eq!(
        run.stderr,
        "error: 1 of 2 cases selected, fewer than --min-tests 2\n"
    );
}

#[test]
fn suites_cases_and_folders_of_suites_can_be_named() {
    let folder = Folder::new();
    folder.maximum("all/one/test_a", 3.0);
    folder.maximum("all/two/test_a", 3.0);
    folder.maximum("all/two/test_b", 3.0);
    let list = |arguments: &[&str]| {
        folder
            .test(&[arguments, &["--list"]].concat())
            .code(0)
            .stdout
    };
    assert_eq!(list(&["all"]), "one/test_a\ntwo/test_a\ntest_b\n");
    assert_eq!(list(&["all/two", "all/two/test_b"]), "test_a\ntest_b\n");
    assert_eq!(
        list(&[
            "all",
            "--filter",
            "^test_a",
            "--filter",
            "b$",
            "--exclude",
            "one"
        ]),
        "two/test_a\ntest_b\n"
    );
    let run = folder.test(&["all", "--jobs", "1", "--json", "-"]).code(0);
    assert_eq!(run.json()["cases"][1]["name"], "two/test_a");
}

#[cfg(unix)]
#[test]
fn links_to_cases_are_followed_and_broken_ones_fail() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.maximum("s/a", 3.0);
    let links = folder.path().join("links");
    fs::create_dir(&links).expect("a folder");
    symlink("../s/a", links.join("linked")).expect("a link");
    let run = folder.test(&["links", "--list"]).code(0);
    assert_eq!(run.stdout, "linked\n");
    folder.test(&["links"]).code(0);
    symlink("../s/b", links.join("broken")).expect("a link");
    let run = folder.test(&["links"]).code(1);
    assert!(run.stdout.starts_with("failed broken: "), "{}", run.stdout);
}

#[test]
fn junit_holds_every_case() {
    let folder = Folder::new();
    folder.maximum("s/right", 3.0);
    folder.maximum("s/wrong <&>", 4.0);
    folder.maximum("t/later", 4.0);
    folder.write("e.txt", "later: skip \"why\" not\ngone: pass\n");
    let file = folder.write("out.xml", "old");
    let arguments = ["s", "t", "--expectations", "e.txt", "--junit", "out.xml"];
    folder.test(&arguments).code(1);
    let text = fs::read_to_string(file).expect("it was written");
    let report = quick_junit::Report::deserialize_from_str(&text).expect("it is JUnit");
    assert_eq!((report.tests, report.failures, report.skipped), (4, 2, 1));
    let names: Vec<(&str, &str)> = report
        .test_suites
        .iter()
        .flat_map(|suite| {
            suite
                .test_cases
                .iter()
                .map(|case| (suite.name.as_str(), case.name.as_str()))
        })
        .collect();
    assert_eq!(
        names,
        [
            ("s", "right"),
            ("s", "wrong <&>"),
            ("t", "later"),
            ("expectations", "gone")
        ]
    );
    folder.test(&["s", "--junit", "absent/out.xml"]).code(8);
    folder.test(&["s", "--junit", "-", "--json", "-"]).code(2);
}

#[test]
fn a_case_that_failed_can_be_run_again() {
    let folder = Folder::new();
    folder.maximum("s/right", 3.0);
    folder.maximum("s/wrong", 4.0);
    folder.maximum("s/it's wrong", 4.0);
    folder.maximum("t/later", 4.0);
    folder.write("e.txt", "later: xfail not yet\n");
    let all = ["s", "t", "--expectations", "e.txt", "--json", "first.json"];
    let run = folder.test(&all).code(1);
    let commands = run
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("  rerun: "));
    let commands: Vec<&str> = commands.collect();
    assert_eq!(
        commands,
        [r"linn test 's/it'\''s wrong'", "linn test s/wrong"]
    );
    let again = folder.test(&["s/wrong", "--rtol", "1e-2"]).code(1);
    assert!(
        again
            .stdout
            .contains("  rerun: linn test s/wrong --rtol 1e-2\n"),
        "{}",
        again.stdout
    );

    let plain = folder.test(&["s/wrong", "--opt", "none"]).code(1);
    assert!(
        plain
            .stdout
            .contains("  rerun: linn test s/wrong --opt none\n"),
        "{}",
        plain.stdout
    );

    let list = |arguments: &[&str]| {
        let rerun = ["--rerun-failed", "first.json", "--list"];
        folder.test(&[&["s", "t"], &rerun[..], arguments].concat())
    };
    assert_eq!(list(&[]).code(0).stdout, "it's wrong\nwrong\n");
    assert_eq!(list(&["--filter", "^wrong"]).code(0).stdout, "wrong\n");
    assert!(
        list(&["--filter", "right"])
            .code(2)
            .stderr
            .contains("and --rerun-failed")
    );
    folder.maximum("s/wrong", 3.0);
    folder.maximum("s/it's wrong", 3.0);
    let rerun = [
        "s",
        "t",
        "--rerun-failed",
        "first.json",
        "--json",
        "second.json",
    ];
    let run = folder.test(&rerun).code(0);
    assert!(
        run.stdout.starts_with("2 of 4 cases selected"),
        "{}",
        run.stdout
    );
    let run = folder
        .test(&["s", "t", "--rerun-failed", "second.json"])
        .code(2);
    assert_eq!(
        run.stderr,
        "error: no case is selected: all of second.json passed\n"
    );
}

#[test]
fn what_is_no_earlier_run_is_refused() {
    let folder = Folder::new();
    folder.maximum("s/right", 3.0);
    let rerun = |text: &str, code: i32| {
        folder.write("e.json", text);
        folder
            .test(&["s", "--rerun-failed", "e.json"])
            .code(code)
            .stderr
    };
    assert!(rerun("{", 5).starts_with("error: e.json: EOF while parsing"));
    assert_eq!(
        rerun("{\"schema\":\"linn.run/1\"}", 5),
        "error: e.json: no document linn.test/1\n"
    );
    let with = |cases: &str| {
        rerun(
            &format!("{{\"schema\":\"linn.test/1\",\"cases\":{cases}}}"),
            5,
        )
    };
    assert!(with("3").contains("cases is missing, must be a list"));
    assert!(with("[{\"name\":\"a\"}]").contains("cases[0].status is missing"));
    assert!(
        with("[{\"name\":\"a\",\"status\":\"bad\"}]")
            .contains("cases[0].status is 'bad', no status")
    );
    folder.test(&["s", "--rerun-failed", "none.json"]).code(8);
}

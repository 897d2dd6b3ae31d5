//! `linn completions`: scripts that complete arguments in shells.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Failure, Verdict, print_with};

/// Print the script that lets a shell complete the arguments of linn
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The shell that the script is for
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(linn completions bash)                                for this session
  linn completions zsh > ~/.zfunc/_linn                          in a folder of fpath
  linn completions fish > ~/.config/fish/completions/linn.fish   for good";

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        // The generator panics where a writer fails, which memory does not.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "linn", &mut script);
        print_with(|to| to.write_all(&script))?;
        Ok(Verdict::Passed)
    }
}

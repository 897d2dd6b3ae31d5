//! `linn man`: the manual, made of the help.

use std::path::PathBuf;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::whole_file::{self, WholeFile};
use super::{Cli, Failure, Verdict, print_with};

/// Print the page of the manual, or write the pages of all subcommands into a folder
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder for linn.1, linn-run.1 and so on; it is made if need be
    folder: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  linn man | man -l -                   the page about linn
  linn man ~/.local/share/man/man1/     all pages, so that `man linn-run` works";

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let Some(folder) = self.folder else {
            let page = Man::new(command);
            print_with(|to| page.render(to))?;
            return Ok(Verdict::Passed);
        };
        whole_file::make_folder(&folder)?;
        let subcommands: Vec<Command> = command.get_subcommands().cloned().collect();
        let mut pages = Vec::new();
        for command in subcommands.into_iter().chain([command]) {
            let page = Man::new(command);
            let file = folder.join(page.get_filename());
            pages.push(WholeFile::new(&file, |mut to| page.render(&mut to))?);
        }
        whole_file::appear(pages)?;
        Ok(Verdict::Passed)
    }
}

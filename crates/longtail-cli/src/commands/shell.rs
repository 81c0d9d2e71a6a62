//! What shells and `man` are told, from the definitions of what can be typed.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::{
    args::{Args, CompletionsArgs, ManArgs},
    output::{check_folder, print_bytes, print_line, write_file},
};

/// `longtail completions`
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    let mut program = Args::command();
    let name = program.get_name().to_owned();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    print_bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// `longtail man`
pub fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let mut program = Args::command();
    // Names, usages and the options that clap adds are settled by that.
    program.build();
    match &args.out {
        None => print_bytes(&page(&program)?)?,
        Some(folder) => {
            check_folder(folder)?;
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            let pages = pages(&program, folder)?;
            print_line(format_args!("{pages} pages in {}", folder.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the pages of a command and of those below it; tells how many.
fn pages(command: &Command, folder: &Path) -> anyhow::Result<usize> {
    let name = Man::new(command.clone()).get_filename();
    let path = folder.join(name);
    write_file(&path, page(command)?)?;
    let below = command.get_subcommands().filter(|below| below.get_name() != "help");
    let counts = below.map(|below| pages(below, folder)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(1 + counts.into_iter().sum::<usize>())
}

fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page).context("cannot make the manual page")?;
    Ok(page)
}

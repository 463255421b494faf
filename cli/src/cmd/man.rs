use crate::command::tree;
use crate::failure::Failure;
use crate::output;
use atome::atomic_file;
use clap::{Args, Command};
use clap_mangen::Man;
use std::fs;
use std::path::{Path, PathBuf};

/// Print the manual page of `atome`, or write one for each command
///
/// `atome man | man -l -` shows it; with `--out ~/.local/share/man/man1`, `man atome-run` and the others work.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write `atome.1` and a page for each command, such as `atome-run.1`, to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    let pages = pages()?;
    let Some(folder) = &args.out else {
        return output::print_bytes(&pages[0].1);
    };
    write(&pages, folder)
}

/// The name and the bytes of each page, that of the whole command first.
fn pages() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut whole = tree();
    whole.build();
    // `help` has no more to say than `--help`.
    let is_shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    let parts = whole.get_subcommands().filter(is_shown).cloned();
    let page = |command: Command| {
        let man = Man::new(command).source(concat!("atome ", env!("CARGO_PKG_VERSION")));
        let mut bytes = Vec::new();
        man.render(&mut bytes).map_err(Failure::Output)?;
        Ok((man.get_filename(), bytes))
    };
    std::iter::once(whole.clone())
        .chain(parts)
        .map(page)
        .collect()
}

/// Writes pages to a folder, each whole.
fn write(pages: &[(String, Vec<u8>)], folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|cause| atomic_file::WriteFileError {
        path: folder.to_owned(),
        cause,
    })?;
    for (name, bytes) in pages {
        atomic_file::write(&folder.join(name), bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_with_its_flags() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("share/man1");
        write(&pages().unwrap(), &folder).unwrap();
        let page = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let whole = page("atome.1");
        assert!(whole.contains(".TH atome 1"), "{whole}");
        for command in tree().get_subcommands() {
            let name = format!("atome\\-{}(1)", command.get_name().replace('-', "\\-"));
            assert_eq!(whole.contains(&name), !command.is_hide_set(), "{name}");
        }
        let run = page("atome-run.1");
        for part in [".TH atome-run 1", "\\-\\-greedy", "\\fBatome run\\fR"] {
            assert!(run.contains(part), "{part}: {run}");
        }
        let hidden = folder.join("atome-chat-template.1");
        assert!(!hidden.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let failure = write(&[], &file.join("man1")).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("man1"), "{failure}");
    }
}

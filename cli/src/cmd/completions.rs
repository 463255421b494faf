use crate::command::tree;
use crate::failure::Failure;
use crate::output;
use clap::Args;
use clap_complete::Shell;

/// Print what a shell needs to complete the command line
///
/// Bash: `atome completions bash > ~/.local/share/bash-completion/completions/atome`. Zsh: into a file `_atome` in a folder
/// of `$fpath`. Fish: `atome completions fish > ~/.config/fish/completions/atome.fish`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    output::print_bytes(&script(args.shell))
}

/// The script of a shell.
fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree(), "atome", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::process::Command;

    #[test]
    fn every_shell_has_every_command_that_is_shown() {
        for shell in [
            Shell::Bash,
            Shell::Elvish,
            Shell::Fish,
            Shell::PowerShell,
            Shell::Zsh,
        ] {
            let script = String::from_utf8(script(shell)).unwrap();
            for command in tree().get_subcommands() {
                let name = command.get_name();
                assert!(
                    script.contains(name) || command.is_hide_set(),
                    "{shell} lacks {name}"
                );
            }
        }
    }

    /// What Bash offers after `words`, the last of which is begun; `None` where there is no Bash.
    fn offered(words: &str) -> Option<String> {
        let script = String::from_utf8(script(Shell::Bash)).unwrap();
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _atome atome \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
             echo \"${{COMPREPLY[@]}}\""
        );
        match Command::new("bash").args(["-c", &ask]).output() {
            Ok(said) => {
                assert!(said.status.success(), "{said:?}");
                Some(String::from_utf8(said.stdout).unwrap())
            }
            Err(none) if none.kind() == ErrorKind::NotFound => None,
            Err(cause) => panic!("{cause}"),
        }
    }

    #[test]
    fn bash_completes_commands_flags_and_values() {
        for (words, expected) in [
            ("atome inspe", "inspect\n"),
            ("atome run --gree", "--greedy\n"),
            ("atome run --backend ", ""),
            ("atome run --backend j", "jit\n"),
        ] {
            match offered(words) {
                Some(found) if words.ends_with(' ') => assert!(found.contains("--"), "{found}"),
                Some(found) => assert_eq!(found, expected, "{words}"),
                None => println!("skipped: no Bash"),
            }
        }
    }
}

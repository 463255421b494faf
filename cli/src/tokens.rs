//! Lists of token ids, on the command line or in a file.

use crate::failure::Failure;
use crate::input;
use std::fs::File;
use std::path::Path;

/// Reads `1,2,3`, or the file that `@FILE` names. Commas or white space part the ids.
///
/// # Errors
/// If the file cannot be read, the list is empty, or an item is not a whole number of 32
/// bits. Whether the model has such a token is for the model to say.
pub(crate) fn read(list: &str) -> Result<Vec<u32>, Failure> {
    let Some(path) = list.strip_prefix('@') else {
        return parse(list);
    };
    let path = Path::new(path);
    let failed = |cause| Failure::TokenFile {
        path: path.to_owned(),
        cause,
    };
    let bytes = File::open(path).and_then(input::read_all).map_err(failed)?;
    // An item that is not UTF-8 is shown as far as it can be.
    parse(&String::from_utf8_lossy(&bytes))
}

fn parse(list: &str) -> Result<Vec<u32>, Failure> {
    if list.trim().is_empty() {
        return Err(Failure::NoTokens);
    }
    let mut ids = Vec::new();
    for between_commas in list.split(',') {
        if between_commas.trim().is_empty() {
            return Err(Failure::Token {
                found: String::new(),
                item: ids.len() + 1,
            });
        }
        for item in between_commas.split_whitespace() {
            let wrong = |_| Failure::Token {
                found: shortened(item),
                item: ids.len() + 1,
            };
            ids.push(item.parse().map_err(wrong)?);
        }
    }
    Ok(ids)
}

/// The item, or its start if it is long.
fn shortened(item: &str) -> String {
    const MOST: usize = 24;
    match item.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}..", &item[..end]),
        None => item.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_white_space_part_ids() {
        for list in ["1,2,3", "1 2 3", " 1, 2,\n3\n", "1\t2 ,3"] {
            assert_eq!(parse(list).unwrap(), [1, 2, 3], "{list:?}");
        }
        assert_eq!(parse("4294967295").unwrap(), [u32::MAX]);
    }

    #[test]
    fn a_wrong_item_is_named() {
        let message = |list: &str| parse(list).unwrap_err().to_string();
        assert!(message("1,two").contains("found `two` as item 2"));
        assert!(message("1,,2").contains("found nothing as item 2"));
        assert!(message("1,2,").contains("found nothing as item 3"));
        assert!(message("-1").contains("found `-1` as item 1"));
        assert!(message("4294967296").contains("found `4294967296`"));
        assert!(message(&"9".repeat(100)).contains("999.."));
        assert_eq!(message(" \n"), Failure::NoTokens.to_string());
    }
}

use strsim::levenshtein;

/// `, did you mean X?` for the nearest of `known`, or nothing if none is near.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|k| (levenshtein(word, k), k))
        .filter(|(d, k)| *d <= k.len().max(word.len()) / 3 + 1 && *d < k.len())
        .min_by_key(|(d, _)| *d);
    near.map_or(String::new(), |(_, k)| format!(", did you mean `{k}`?"))
}

/// `a`, `b` or `c`, each in back quotes.
pub(crate) fn one_of(known: &[&str]) -> String {
    let quoted: Vec<String> = known.iter().map(|k| format!("`{k}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(
            did_you_mean("row", &["rows", "cols"]),
            ", did you mean `rows`?"
        );
        assert_eq!(did_you_mean("threads", &["rows", "cols"]), "");
        assert_eq!(one_of(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}

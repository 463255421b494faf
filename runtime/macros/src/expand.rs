use crate::parse::Args;
use atome::embed::{EmbedError, Weights, embed};
use atome::{LoadError, PrepareError, checkpoint};
use proc_macro2::TokenStream;
use quote::quote;
use std::error::Error;
use std::path::{Path, PathBuf};
use syn::LitStr;

/// The folder of the source file that the macro's first argument stands in; the crate's, if nobody knows that.
pub(crate) fn folder(input: proc_macro::TokenStream) -> PathBuf {
    let file = input.into_iter().next().and_then(|t| t.span().local_file());
    let folder = file.and_then(|file| Some(file.parent()?.to_owned()));
    // rustc names files from the folder that it was started in.
    let folder = folder.and_then(|folder| std::path::absolute(folder).ok());
    folder.unwrap_or_else(|| {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
        manifest.map_or_else(PathBuf::new, PathBuf::from)
    })
}

/// The items, or what is wrong, on the argument that it is wrong with.
pub(crate) fn expand(args: &Args, folder: &Path) -> syn::Result<TokenStream> {
    let path = folder.join(args.model.value());
    let config = args
        .config
        .as_ref()
        .map(|config| folder.join(config.value()));
    if path.is_dir() {
        let message = format!(
            "expected a file, found the directory `{}`: pack it first",
            path.display()
        );
        return Err(syn::Error::new(args.model.span(), message));
    }
    let at = |key: &str| args.spans.get(key).copied();
    let at = |key: &str| at(key).unwrap_or_else(|| args.model.span());
    let model = checkpoint::load(&path, config.as_deref()).map_err(|e| {
        let message = in_one_line(&e);
        let of_config = config
            .as_ref()
            .is_some_and(|config| message.contains(&*config.to_string_lossy()));
        let key = if of_config { "config" } else { "" };
        syn::Error::new(at(key), message)
    })?;
    let embedded = embed(&model, &args.settings).map_err(|e| {
        let key = match &e {
            EmbedError::Straight { .. } => "straight",
            EmbedError::Load(LoadError::Prepare(cause)) => match cause {
                PrepareError::Context { .. } | PrepareError::NoContext { .. } => "context",
                PrepareError::Activations { .. } => "activations",
                _ => "",
            },
            _ => "",
        };
        syn::Error::new(at(key), in_one_line(&e))
    })?;
    let source = embedded.source(Weights::Literal);
    // What stands beside the model is its config where none is given.
    let beside =
        Some(path.with_extension("json")).filter(|beside| config.is_none() && beside.is_file());
    let read = [Some(&path), config.as_ref(), beside.as_ref()]
        .into_iter()
        .flatten();
    let read = read.filter_map(|path| path.to_str());
    let read = read.map(|path| LitStr::new(path, args.model.span()));
    Ok(quote! {
        #source
        // When these files change, so does the crate.
        #(const _: &[u8] = ::core::include_bytes!(#read);)*
    })
}

/// An error and its causes, as far as they say something new.
fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(more) = cause {
        let said = more.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = more.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message about arguments that stand in this file.
    fn told(text: &str) -> String {
        let args: Args = syn::parse_str(text).expect("arguments");
        let error = expand(&args, Path::new(env!("CARGO_MANIFEST_DIR"))).expect_err(text);
        let message = error.to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        message
    }

    #[test]
    fn what_is_wrong_with_a_model_is_told_in_a_line() {
        let missing = told("\"no_such.safetensors\"");
        assert!(missing.contains("no_such.safetensors"), "{missing}");
        let folder = told("\"src\"");
        assert!(
            folder.contains("expected a file, found the directory"),
            "{folder}"
        );
        let text = told("\"Cargo.toml\"");
        assert!(text.contains("Cargo.toml"), "{text}");
        let matrix = told("\"../default.safetensors\", straight = [\"blocks.0.wx\"]");
        let expected = "found none called `blocks.0.wx`; there are `blocks.0.";
        assert!(matrix.contains(expected), "{matrix}");
    }
}

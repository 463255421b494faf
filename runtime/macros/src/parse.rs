use atome::embed::Settings;
use atome_spec::{Activation, Isa, Packing};
use proc_macro2::Span;
use std::fmt::Display;
use std::str::FromStr;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitInt, LitStr, Token, bracketed};

/// What the macro was given.
pub(crate) struct Args {
    pub(crate) model: LitStr,
    pub(crate) config: Option<LitStr>,
    pub(crate) settings: Settings,
    /// Where the names of matrices stand.
    pub(crate) straight: Option<Span>,
}

const KEYS: &str = "config, block, cpu, straight, packing, activations, context";

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> syn::Result<Args> {
        let model: LitStr = input.parse().map_err(|e| {
            syn::Error::new(
                e.span(),
                "expected the model's file, as in include_model!(\"model.safetensors\")",
            )
        })?;
        let mut args = Args {
            model,
            config: None,
            settings: Settings::default(),
            straight: None,
        };
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let key: Ident = input.parse()?;
            if seen.iter().any(|other| key == other) {
                return Err(syn::Error::new(
                    key.span(),
                    format!("expected `{key}` once"),
                ));
            }
            seen.push(key.to_string());
            input.parse::<Token![=]>()?;
            args.value(&key, input)?;
        }
        Ok(args)
    }
}

impl Args {
    fn value(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        let settings = &mut self.settings;
        match &*key.to_string() {
            "config" => self.config = Some(input.parse()?),
            "block" => settings.block = count(input)?,
            "context" => settings.context = Some(count(input)?),
            "cpu" => settings.isas = vec![named::<Isa>(input)?],
            "packing" => settings.packing = Some(named::<Packing>(input)?),
            "activations" => settings.activations = Some(named::<Activation>(input)?),
            "straight" => {
                self.straight = Some(input.span());
                let list;
                bracketed!(list in input);
                let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
                settings.straight = names.iter().map(LitStr::value).collect();
            }
            other => {
                let message = format!("expected one of {KEYS}, found `{other}`");
                return Err(syn::Error::new(key.span(), message));
            }
        }
        Ok(())
    }
}

/// A number from 1 on.
fn count(input: ParseStream<'_>) -> syn::Result<usize> {
    let literal: LitInt = input.parse()?;
    match literal.base10_parse() {
        Ok(0) => Err(syn::Error::new(
            literal.span(),
            "expected a number from 1 on, found 0",
        )),
        other => other,
    }
}

/// A word of the vocabulary.
fn named<T>(input: ParseStream<'_>) -> syn::Result<T>
where
    T: FromStr,
    T::Err: Display,
{
    let literal: LitStr = input.parse()?;
    let value = literal.value().parse();
    value.map_err(|e: T::Err| {
        let message = format!("{e}, found `{}`", literal.value());
        syn::Error::new(literal.span(), message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let text = r#""m.bin", config = "m.json", block = 8, cpu = "avx2", straight = ["head", "blocks.*"],"#;
        let args: Args = syn::parse_str(text).expect("arguments");
        assert_eq!(args.model.value(), "m.bin");
        assert_eq!(
            args.config.map(|config| config.value()),
            Some("m.json".to_owned())
        );
        assert_eq!(args.settings.block, 8);
        assert_eq!(args.settings.isas, [Isa::Avx2]);
        assert_eq!(args.settings.straight, ["head", "blocks.*"]);
    }

    #[test]
    fn mistakes_are_told_in_a_line() {
        let told = |text: &str| match syn::parse_str::<Args>(text) {
            Ok(_) => panic!("`{text}` was taken"),
            Err(error) => error.to_string(),
        };
        for (text, message) in [
            (
                "",
                "expected the model's file, as in include_model!(\"model.safetensors\")",
            ),
            (
                "3",
                "expected the model's file, as in include_model!(\"model.safetensors\")",
            ),
            (
                "\"m\", blocks = 3",
                "expected one of config, block, cpu, straight, packing, activations, context, found `blocks`",
            ),
            ("\"m\", block = 3, block = 4", "expected `block` once"),
            ("\"m\", block = 0", "expected a number from 1 on, found 0"),
        ] {
            assert_eq!(told(text), message, "{text}");
        }
        let cpu = told("\"m\", cpu = \"cortex-m4\"");
        assert!(cpu.contains("cortex-m4") && cpu.contains("avx2"), "{cpu}");
        assert_eq!(cpu.lines().count(), 1, "{cpu}");
    }
}

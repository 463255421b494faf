use atome::embed::{MAX_BLOCK, Settings};
use atome_spec::{Activation, Isa, Packing};
use proc_macro2::Span;
use quote::quote;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Token, bracketed};

/// What the macro was given.
pub(crate) struct Args {
    pub(crate) model: LitStr,
    pub(crate) config: Option<LitStr>,
    pub(crate) settings: Settings,
    /// Where values stand, by their keys.
    pub(crate) spans: BTreeMap<String, Span>,
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
            spans: BTreeMap::new(),
        };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            if args.spans.insert(key.to_string(), input.span()).is_some() {
                let message = format!("expected `{key}` once");
                return Err(syn::Error::new(key.span(), message));
            }
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
            "block" => settings.block = count(input, MAX_BLOCK)?,
            "context" => settings.context = Some(count(input, u32::MAX as usize)?),
            "cpu" => settings.isas = vec![named::<Isa>(input)?],
            "packing" => settings.packing = Some(named::<Packing>(input)?),
            "activations" => settings.activations = Some(activations(input)?),
            "straight" => {
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

/// A number from 1 to the most that there may be.
fn count(input: ParseStream<'_>, most: usize) -> syn::Result<usize> {
    let at = input.span();
    let given: Expr = input.parse()?;
    let number = match &given {
        Expr::Lit(ExprLit {
            lit: Lit::Int(literal),
            ..
        }) => literal.base10_parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        let found = quote!(#given);
        syn::Error::new(
            at,
            format!("expected a whole number from 1 to {most}, found `{found}`"),
        )
    })
}

/// What products multiply, in the words of the command's option.
fn activations(input: ParseStream<'_>) -> syn::Result<Activation> {
    let literal: LitStr = input.parse()?;
    match &*literal.value() {
        "f32" => Ok(Activation::F32),
        "int8" => Ok(Activation::I8),
        other => {
            let message = format!("expected f32 or int8, found `{other}`");
            Err(syn::Error::new(literal.span(), message))
        }
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
            (
                "\"m\", block = 0",
                "expected a whole number from 1 to 4096, found `0`",
            ),
            (
                "\"m\", block = -1",
                "expected a whole number from 1 to 4096, found `- 1`",
            ),
            (
                "\"m\", block = 99999999999999999999",
                "expected a whole number from 1 to 4096, found `99999999999999999999`",
            ),
            (
                "\"m\", context = \"4\"",
                "expected a whole number from 1 to 4294967295, found `\"4\"`",
            ),
            (
                "\"m\", activations = \"i9\"",
                "expected f32 or int8, found `i9`",
            ),
        ] {
            assert_eq!(told(text), message, "{text}");
        }
        let cpu = told("\"m\", cpu = \"cortex-m4\"");
        assert!(cpu.contains("cortex-m4") && cpu.contains("avx2"), "{cpu}");
        assert_eq!(cpu.lines().count(), 1, "{cpu}");
    }
}

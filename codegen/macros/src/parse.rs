//! The attribute's arguments and the item it is on, as written.

use crate::errors::Errors;
use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Block, Lit, LitInt, LitStr, Signature, Token, Visibility};

/// `key = value`
pub(crate) struct Arg {
    pub(crate) key: Ident,
    /// `None` if it is malformed, which has been reported.
    pub(crate) value: Option<Value>,
}

/// A literal.
pub(crate) enum Value {
    Text(LitStr),
    Number(LitInt),
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Value::Text(text) => text.to_tokens(tokens),
            Value::Number(number) => number.to_tokens(tokens),
        }
    }
}

/// The arguments; malformed ones are reported, and left out if they have no key.
pub(crate) fn args(tokens: TokenStream, errors: &mut Errors) -> Vec<Arg> {
    let mut args = Vec::new();
    let mut piece = Vec::new();
    for token in tokens {
        if is_punct(&token, ',') {
            args.extend(arg(&piece, Some(token.span()), errors));
            piece.clear();
        } else {
            piece.push(token);
        }
    }
    args.extend(arg(&piece, None, errors));
    args
}

fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == c)
}

/// One argument; `comma` follows it.
fn arg(piece: &[TokenTree], comma: Option<Span>, errors: &mut Errors) -> Option<Arg> {
    const SHAPE: &str = "expected `key = value`";
    match piece {
        [] => {
            if let Some(comma) = comma {
                errors.at_span(comma, SHAPE);
            }
            None
        }
        [TokenTree::Ident(key), equals, rest @ ..] if is_punct(equals, '=') => {
            let value = value(key, equals, rest, errors);
            let key = key.clone();
            Some(Arg { key, value })
        }
        _ => {
            errors.at(&piece.iter().cloned().collect::<TokenStream>(), SHAPE);
            None
        }
    }
}

fn value(
    key: &Ident,
    equals: &TokenTree,
    rest: &[TokenTree],
    errors: &mut Errors,
) -> Option<Value> {
    let expected = format!(
        "`{key}` needs a string or a whole number: kernels are generated before constants \
         have values"
    );
    match rest {
        [] => errors.at(equals, expected),
        [TokenTree::Literal(literal)] => match Lit::new(literal.clone()) {
            Lit::Str(text) => return Some(Value::Text(text)),
            Lit::Int(number) => return Some(Value::Number(number)),
            other => errors.at(&other, expected),
        },
        // What a macro passed on.
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            return value(key, equals, &inner, errors);
        }
        rest => errors.at(&rest.iter().cloned().collect::<TokenStream>(), expected),
    }
    None
}

/// A function with or without a body.
pub(crate) struct Item {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Option<Block>,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Item> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let body = if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            None
        } else {
            Some(input.parse()?)
        };
        Ok(Item {
            attrs,
            vis,
            sig,
            body,
        })
    }
}

impl Item {
    /// The item with some body, so that what uses it compiles even if the kernel does not.
    pub(crate) fn placeholder(&self) -> TokenStream {
        let Item {
            attrs,
            vis,
            sig,
            body,
        } = self;
        let body = match body {
            Some(body) => body.to_token_stream(),
            None => quote!({ ::core::unreachable!() }),
        };
        quote! {
            #(#attrs)*
            #[allow(unused, reason = "the kernel was not generated")]
            #vis #sig #body
        }
    }
}

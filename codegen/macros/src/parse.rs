//! The attribute's arguments and the item it is on, as written.

use crate::errors::Errors;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Generics, Lit, LitInt, LitStr, ReturnType, Token, Type, Visibility};

/// `key = value`
pub(crate) struct Arg {
    /// The key, without `r#`.
    pub(crate) key: Ident,
    /// `None` if it is missing, which has been reported.
    pub(crate) value: Option<Value>,
}

/// What stands after `=`.
pub(crate) enum Value {
    Text(LitStr),
    Number(LitInt),
    /// Anything else, such as the path of a constant.
    Tokens(TokenStream),
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Value::Text(text) => text.to_tokens(tokens),
            Value::Number(number) => number.to_tokens(tokens),
            Value::Tokens(other) => other.to_tokens(tokens),
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

/// Whether a token is a punctuation character.
pub(crate) fn is_punct(token: &TokenTree, c: char) -> bool {
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
            let key = key.unraw();
            let value = value(rest);
            if value.is_none() {
                errors.at(equals, format!("`{key}` has no value"));
            }
            Some(Arg { key, value })
        }
        _ => {
            errors.at(&stream(piece), SHAPE);
            None
        }
    }
}

fn stream(tokens: &[TokenTree]) -> TokenStream {
    tokens.iter().cloned().collect()
}

fn value(tokens: &[TokenTree]) -> Option<Value> {
    match tokens {
        [] => None,
        [TokenTree::Literal(literal)] => Some(match Lit::new(literal.clone()) {
            Lit::Str(text) => Value::Text(text),
            Lit::Int(number) => Value::Number(number),
            _ => Value::Tokens(stream(tokens)),
        }),
        // What a macro passed on.
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            value(&inner)
        }
        _ => Some(Value::Tokens(stream(tokens))),
    }
}

/// A function with or without a body.
pub(crate) struct Item {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Option<Group>,
}

/// A function's head, with what a kernel's may not have, so that it can be pointed at.
#[derive(Clone)]
pub(crate) struct Signature {
    /// What is before `fn`: `const`, `async`, `unsafe`, `extern "C"`.
    pub(crate) qualifiers: Vec<TokenTree>,
    fn_token: Token![fn],
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    arguments: Group,
    pub(crate) inputs: Vec<Input>,
    pub(crate) output: ReturnType,
}

/// An argument, as written.
#[derive(Clone)]
pub(crate) struct Input {
    /// The tokens before the colon, or all.
    pub(crate) pattern: Vec<TokenTree>,
    /// `None` for a `self` without one.
    pub(crate) ty: Option<Type>,
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
            Some(group(input, Delimiter::Brace, "expected a body or `;`")?)
        };
        Ok(Item {
            attrs,
            vis,
            sig,
            body,
        })
    }
}

impl Parse for Signature {
    fn parse(input: ParseStream<'_>) -> syn::Result<Signature> {
        let mut qualifiers = Vec::new();
        while input.peek(Token![const])
            || input.peek(Token![async])
            || input.peek(Token![unsafe])
            || input.peek(Token![extern])
            || input.peek(LitStr)
        {
            qualifiers.push(input.parse()?);
        }
        let fn_token = input.parse()?;
        let ident = input.parse()?;
        let mut generics: Generics = input.parse()?;
        let arguments = group(input, Delimiter::Parenthesis, "expected arguments")?;
        let inputs = Parser::parse2(inputs, arguments.stream())?;
        let output = input.parse()?;
        generics.where_clause = input.parse()?;
        Ok(Signature {
            qualifiers,
            fn_token,
            ident,
            generics,
            arguments,
            inputs,
            output,
        })
    }
}

fn group(input: ParseStream<'_>, delimiter: Delimiter, expected: &str) -> syn::Result<Group> {
    match input.parse() {
        Ok(TokenTree::Group(group)) if group.delimiter() == delimiter => Ok(group),
        Ok(token) => Err(syn::Error::new(token.span(), expected)),
        Err(end) => Err(syn::Error::new(end.span(), expected)),
    }
}

fn inputs(input: ParseStream<'_>) -> syn::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    while !input.is_empty() {
        input.call(Attribute::parse_outer)?;
        let mut pattern = Vec::new();
        while !input.is_empty() && !input.peek(Token![,]) && !is_colon(input) {
            // Both halves of `::`, the second of which is a colon.
            if input.peek(Token![::]) {
                pattern.push(input.parse()?);
            }
            pattern.push(input.parse()?);
        }
        let colon: Option<Token![:]> = input.parse()?;
        let ty = colon.map(|_| input.parse()).transpose()?;
        inputs.push(Input { pattern, ty });
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(inputs)
}

fn is_colon(input: ParseStream<'_>) -> bool {
    input.peek(Token![:]) && !input.peek(Token![::])
}

impl ToTokens for Input {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.pattern.iter().cloned());
        if let Some(ty) = &self.ty {
            tokens.extend(quote!(: #ty));
        }
    }
}

impl ToTokens for Signature {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Signature {
            qualifiers,
            fn_token,
            ident,
            generics,
            arguments,
            output,
            ..
        } = self;
        let bounds = &generics.where_clause;
        tokens
            .extend(quote!(#(#qualifiers)* #fn_token #ident #generics #arguments #output #bounds));
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

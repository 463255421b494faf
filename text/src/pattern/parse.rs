//! A pattern's text to a program.

use super::class::{Class, Item, Set, categories};
use super::program::{Inst, Program};
use std::iter::Peekable;
use std::str::Chars;

/// Groups within groups.
const MAX_DEPTH: usize = 8;
/// Instructions of a program.
const MAX_INSTS: usize = 4096;

/// Why a text is no pattern of this kind: in words, after `expected`.
pub(crate) type Fault = &'static str;

/// A pattern, or a part of one.
#[derive(Clone, Debug)]
enum Node {
    Class(Class),
    All(Vec<Node>),
    First(Vec<Node>),
    Repeat(Box<Node>, Times),
    Look { not: bool, node: Box<Node> },
    End,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    least: u32,
    most: u32,
    /// What was taken is not given back.
    keeps: bool,
}

struct Parser<'p> {
    rest: Peekable<Chars<'p>>,
    any_case: bool,
    depth: usize,
}

/// The program of a pattern.
pub(super) fn program(text: &str) -> Result<Program, Fault> {
    let mut parser = Parser {
        rest: text.chars().peekable(),
        any_case: false,
        depth: 0,
    };
    let node = parser.alternatives()?;
    match parser.rest.peek() {
        None => compile(&node),
        Some(_) => Err("each `)` to close a group"),
    }
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Node, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("at most 8 groups within each other");
        }
        let mut first = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            first.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(match <[Node; 1]>::try_from(first) {
            Ok([only]) => only,
            Err(first) => Node::First(first),
        })
    }

    fn sequence(&mut self) -> Result<Node, Fault> {
        let mut all: Vec<Node> = Vec::new();
        while let Some(c) = self.rest.next_if(|c| !"|)".contains(*c)) {
            let node = match c {
                '(' => self.group()?,
                '[' => Node::Class(self.set()?.into()),
                '$' => Node::End,
                '.' => Node::Class(not_line_end().into()),
                '\\' => Node::Class(self.escape()?.into()),
                '*' | '+' | '?' | '{' => {
                    return Err("something to repeat before `*`, `+`, `?` or `{`");
                }
                '^' => return Err("no `^`"),
                c => Node::Class(self.literal(c).into()),
            };
            let node = self.repeated(node)?;
            // What is looked at and then taken is one character of both classes.
            let looked = match all.last() {
                Some(Node::Look { not: false, node }) => as_class(node),
                _ => None,
            };
            match (looked, &node) {
                (Some(looked), Node::Class(class)) => {
                    all.pop();
                    all.push(Node::Class(looked.and(class.clone())));
                }
                _ => all.push(node),
            }
        }
        Ok(match <[Node; 1]>::try_from(all) {
            Ok([only]) => only,
            Err(all) => Node::All(all),
        })
    }

    /// What follows `(`.
    fn group(&mut self) -> Result<Node, Fault> {
        let any_case = self.any_case;
        let mut look = None;
        if self.rest.next_if_eq(&'?').is_some() {
            match self.rest.next() {
                Some(':') => {}
                Some('i') if self.rest.next() == Some(':') => self.any_case = true,
                Some('=') => look = Some(false),
                Some('!') => look = Some(true),
                _ => return Err("a group to be `(`, `(?:`, `(?i:`, `(?=` or `(?!`"),
            }
        }
        let node = self.alternatives()?;
        self.any_case = any_case;
        if self.rest.next() != Some(')') {
            return Err("a `)` for each `(`");
        }
        Ok(match look {
            Some(not) => Node::Look {
                not,
                node: Box::new(node),
            },
            None => node,
        })
    }

    /// A node with the number of times that follows it.
    fn repeated(&mut self, node: Node) -> Result<Node, Fault> {
        let (least, most) = match self.rest.peek() {
            Some('*') => (0, u32::MAX),
            Some('+') => (1, u32::MAX),
            Some('?') => (0, 1),
            Some('{') => (0, 0),
            _ => return Ok(node),
        };
        let (least, most) = match self.rest.next() {
            Some('{') => self.counts()?,
            _ => (least, most),
        };
        let keeps = self.rest.next_if_eq(&'+').is_some();
        if self.rest.peek() == Some(&'?') {
            return Err("no lazy repetition");
        }
        let times = Times { least, most, keeps };
        match as_class(&node) {
            Some(class) => Ok(Node::Repeat(Box::new(Node::Class(class)), times)),
            None if (least, most, keeps) == (0, 1, false) => {
                Ok(Node::Repeat(Box::new(node), times))
            }
            None => Err("only single characters to be repeated, and groups to be optional"),
        }
    }

    /// What follows `{`.
    fn counts(&mut self) -> Result<(u32, u32), Fault> {
        let mut inner = String::new();
        while let Some(c) = self.rest.next_if(|c| *c != '}') {
            inner.push(c);
        }
        let number = |text: &str| text.parse::<u16>().ok().map(u32::from);
        let counts = match inner.split_once(',') {
            None => number(&inner).map(|n| (n, n)),
            Some((least, "")) => number(least).map(|n| (n, u32::MAX)),
            Some((least, most)) => number(least).zip(number(most)),
        };
        self.rest.next();
        let counts = counts.filter(|(least, most)| least <= most);
        counts.ok_or("counts such as `{3}`, `{2,}` or `{1,3}`")
    }

    /// What follows `[`.
    fn set(&mut self) -> Result<Set, Fault> {
        let mut set = Set {
            negated: self.rest.next_if_eq(&'^').is_some(),
            items: Vec::new(),
        };
        loop {
            let item = match self.rest.next() {
                None => return Err("a `]` for each `[`"),
                Some(']') if !set.items.is_empty() => return Ok(set),
                Some('[') => return Err("`[` within a class as `\\[`"),
                Some('&') if self.rest.peek() == Some(&'&') => return Err("no `&&`"),
                Some('\\') => self.escape()?,
                Some(c) => self.literal(c),
            };
            let first = match item.items[..] {
                [Item::Range(first, last)] if first == last => first,
                _ => {
                    set.items.extend(item.items);
                    continue;
                }
            };
            // A range, unless the `-` is the last character.
            let mut ahead = self.rest.clone();
            let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
            if !is_range {
                set.items.extend(item.items);
                continue;
            }
            self.rest.next();
            let last = match self.rest.next() {
                Some('\\') => self.escape()?,
                Some(c) => Set::char(c),
                None => return Err("a `]` for each `[`"),
            };
            match last.items[..] {
                [Item::Range(_, last)] if first <= last && !self.any_case => {
                    set.items.push(Item::Range(first, last));
                }
                _ => return Err("ranges from one character to a later one, outside `(?i:`"),
            }
        }
    }

    /// What follows `\`.
    fn escape(&mut self) -> Result<Set, Fault> {
        let item = match self.rest.next() {
            Some('s') => Item::White(true),
            Some('S') => Item::White(false),
            Some('w') => Item::Word(true),
            Some('W') => Item::Word(false),
            Some('d') => Item::Categories(self.category("Nd")?),
            Some('D') => Item::Categories(!self.category("Nd")?),
            Some('p') => Item::Categories(self.named()?),
            Some('P') => Item::Categories(!self.named()?),
            Some('r') => return Ok(Set::char('\r')),
            Some('n') => return Ok(Set::char('\n')),
            Some('t') => return Ok(Set::char('\t')),
            Some('f') => return Ok(Set::char('\u{c}')),
            Some('v') => return Ok(Set::char('\u{b}')),
            Some('x') => return self.code_point(2),
            Some('u') => return self.code_point(4),
            Some(c) if c.is_ascii_punctuation() || c == ' ' => return Ok(Set::char(c)),
            _ => return Err("another escape"),
        };
        Ok(Set::of(item))
    }

    fn category(&self, name: &str) -> Result<u32, Fault> {
        categories(name).ok_or("a general category of Unicode in `\\p{..}`")
    }

    /// `{L}` or `L`.
    fn named(&mut self) -> Result<u32, Fault> {
        let mut name = String::new();
        if self.rest.next_if_eq(&'{').is_some() {
            while let Some(c) = self.rest.next_if(|c| *c != '}') {
                name.push(c);
            }
            self.rest.next();
        } else {
            name.extend(self.rest.next());
        }
        self.category(&name)
    }

    /// `{1F600}`, or so many digits.
    fn code_point(&mut self, digits: usize) -> Result<Set, Fault> {
        let mut number = String::new();
        if self.rest.next_if_eq(&'{').is_some() {
            while let Some(c) = self.rest.next_if(|c| *c != '}') {
                number.push(c);
            }
            self.rest.next();
        } else {
            number.extend(self.rest.by_ref().take(digits));
        }
        let code = u32::from_str_radix(&number, 16).ok();
        let c = code.and_then(char::from_u32);
        c.map(Set::char)
            .ok_or("the number of a character after `\\x` or `\\u`")
    }

    /// A character that stands for itself, or for what differs from it in case only.
    fn literal(&self, c: char) -> Set {
        let mut set = Set::char(c);
        if self.any_case {
            let mut others: Vec<char> = c.to_lowercase().chain(c.to_uppercase()).collect();
            match c {
                's' | 'S' => others.push('\u{17f}'),
                'k' | 'K' => others.push('\u{212a}'),
                _ => {}
            }
            others.retain(|other| *other != c);
            set.items
                .extend(others.into_iter().map(|c| Item::Range(c, c)));
        }
        set
    }
}

fn not_line_end() -> Set {
    Set {
        negated: true,
        items: vec![Item::Range('\n', '\n')],
    }
}

/// A node that takes one character.
fn as_class(node: &Node) -> Option<Class> {
    match node {
        Node::Class(class) => Some(class.clone()),
        _ => None,
    }
}

fn compile(node: &Node) -> Result<Program, Fault> {
    let (first, empty) = first(node);
    let mut program = Program {
        insts: Vec::new(),
        classes: Vec::new(),
        first: if empty { u128::MAX } else { first },
    };
    emit(node, &mut program)?;
    program.insts.push(Inst::Done);
    Ok(program)
}

/// The ASCII characters that a match can start with, and whether it may take none.
fn first(node: &Node) -> (u128, bool) {
    match node {
        Node::Class(class) => (class.ascii(), false),
        Node::All(all) => {
            let mut ascii = 0;
            for (starts, empty) in all.iter().map(first) {
                ascii |= starts;
                if !empty {
                    return (ascii, false);
                }
            }
            (ascii, true)
        }
        Node::First(nodes) => nodes
            .iter()
            .map(first)
            .fold((0, false), |a, b| (a.0 | b.0, a.1 | b.1)),
        Node::Repeat(node, times) => {
            let (ascii, empty) = first(node);
            (ascii, empty || times.least == 0)
        }
        Node::Look { .. } | Node::End => (0, true),
    }
}

fn emit(node: &Node, to: &mut Program) -> Result<(), Fault> {
    if to.insts.len() > MAX_INSTS {
        return Err("a shorter pattern");
    }
    match node {
        Node::Class(class) => {
            let (class, least, most, keeps) = (to.class(class), 1, 1, true);
            to.insts.push(Inst::Run {
                class,
                least,
                most,
                keeps,
            });
        }
        Node::All(all) => return all.iter().try_for_each(|node| emit(node, to)),
        Node::First(nodes) => {
            let mut jumps = Vec::new();
            let (last, rest) = nodes.split_last().ok_or("an alternative")?;
            for node in rest {
                let or = to.insts.len();
                to.insts.push(Inst::Or(0));
                emit(node, to)?;
                jumps.push(to.insts.len());
                to.insts.push(Inst::Jump(0));
                to.insts[or] = Inst::Or(to.insts.len());
            }
            emit(last, to)?;
            let end = to.insts.len();
            jumps
                .into_iter()
                .for_each(|at| to.insts[at] = Inst::Jump(end));
        }
        Node::Repeat(node, times) => match &**node {
            Node::Class(class) => {
                let Times { least, most, keeps } = *times;
                let class = to.class(class);
                to.insts.push(Inst::Run {
                    class,
                    least,
                    most,
                    keeps,
                });
            }
            node => {
                let or = to.insts.len();
                to.insts.push(Inst::Or(0));
                emit(node, to)?;
                to.insts[or] = Inst::Or(to.insts.len());
            }
        },
        Node::Look { not, node } => {
            let look = to.insts.len();
            to.insts.push(Inst::End);
            emit(node, to)?;
            to.insts.push(Inst::Done);
            to.insts[look] = Inst::Look {
                not: *not,
                after: to.insts.len(),
            };
        }
        Node::End => to.insts.push(Inst::End),
    }
    Ok(())
}

//! Classes of characters: what a pattern tells apart, by Unicode's general categories.

use unicode_general_category::{GeneralCategory as Category, get_general_category};

/// Characters of which all conditions hold. ASCII is answered by a table, which is most of most texts.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    /// A bit for each ASCII character.
    ascii: u128,
    /// Of other characters all of these hold.
    all: Vec<Set>,
}

/// Characters that one of `items` has, or none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Set {
    pub(crate) negated: bool,
    pub(crate) items: Vec<Item>,
}

/// A part of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// From one character to another, both of them too.
    Range(char, char),
    /// Characters of these general categories: a bit for each.
    Categories(u32),
    /// Unicode's `White_Space`, or all else.
    White(bool),
    /// What words are made of: letters, marks, decimal digits, connectors, joiners; or all else.
    Word(bool),
}

impl Set {
    pub(crate) fn of(item: Item) -> Set {
        Set {
            negated: false,
            items: vec![item],
        }
    }

    pub(crate) fn char(c: char) -> Set {
        Set::of(Item::Range(c, c))
    }

    fn has(&self, c: char) -> bool {
        self.items.iter().any(|item| item.has(c)) != self.negated
    }
}

impl Item {
    fn has(self, c: char) -> bool {
        match self {
            Item::Range(first, last) => (first..=last).contains(&c),
            Item::Categories(mask) => mask >> bit(get_general_category(c)) & 1 != 0,
            Item::White(is) => c.is_whitespace() == is,
            Item::Word(is) => is_word(c) == is,
        }
    }
}

impl From<Set> for Class {
    fn from(set: Set) -> Class {
        Class::all(vec![set])
    }
}

impl Class {
    fn all(all: Vec<Set>) -> Class {
        let has = |byte: &u8| all.iter().all(|set| set.has(char::from(*byte)));
        let ascii = (0..128).filter(has).fold(0, |bits, byte| bits | 1 << byte);
        Class { ascii, all }
    }

    /// The characters of both.
    pub(crate) fn and(self, other: Class) -> Class {
        Class::all([self.all, other.all].concat())
    }

    pub(crate) fn has(&self, c: char) -> bool {
        match c.is_ascii() {
            true => self.ascii >> (c as u32) & 1 != 0,
            false => self.all.iter().all(|set| set.has(c)),
        }
    }

    /// A bit for each ASCII character.
    pub(crate) fn ascii(&self) -> u128 {
        self.ascii
    }
}

/// Whether a character is one of a word: `\w`.
pub(crate) fn is_word(c: char) -> bool {
    let others = ["M", "Nd", "Pc"].iter().filter_map(|name| categories(name));
    let others = others.fold(0, |all, one| all | one);
    c.is_alphabetic() || Item::Categories(others).has(c) || ['\u{200c}', '\u{200d}'].contains(&c)
}

/// The general categories of a name: of two letters one, of one letter all that start with it.
pub(crate) fn categories(name: &str) -> Option<u32> {
    let named = ALL.iter().filter(|category| {
        let two = category.abbreviation();
        two == name || name.len() == 1 && two.starts_with(name)
    });
    let mask = named.fold(0, |mask, category| mask | 1 << bit(*category));
    (mask != 0).then_some(mask)
}

/// The place of a category's bit.
fn bit(category: Category) -> u32 {
    category as u32
}

const ALL: [Category; 30] = [
    Category::ClosePunctuation,
    Category::ConnectorPunctuation,
    Category::Control,
    Category::CurrencySymbol,
    Category::DashPunctuation,
    Category::DecimalNumber,
    Category::EnclosingMark,
    Category::FinalPunctuation,
    Category::Format,
    Category::InitialPunctuation,
    Category::LetterNumber,
    Category::LineSeparator,
    Category::LowercaseLetter,
    Category::MathSymbol,
    Category::ModifierLetter,
    Category::ModifierSymbol,
    Category::NonspacingMark,
    Category::OpenPunctuation,
    Category::OtherLetter,
    Category::OtherNumber,
    Category::OtherPunctuation,
    Category::OtherSymbol,
    Category::ParagraphSeparator,
    Category::PrivateUse,
    Category::SpaceSeparator,
    Category::SpacingMark,
    Category::Surrogate,
    Category::TitlecaseLetter,
    Category::Unassigned,
    Category::UppercaseLetter,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_its_bit() {
        let mut all = 0;
        for category in ALL {
            let mask = categories(category.abbreviation()).unwrap();
            assert_eq!((mask.count_ones(), all & mask), (1, 0), "{category:?}");
            all |= mask;
        }
        assert_eq!(categories("L").unwrap().count_ones(), 5);
        assert_eq!(categories("N").unwrap().count_ones(), 3);
        assert_eq!(
            (categories("Q"), categories("Lx"), categories("")),
            (None, None, None)
        );
    }

    #[test]
    fn words() {
        assert!("aé你_1\u{301}\u{200d}٣".chars().all(is_word));
        assert!(
            !" -½\u{2167}'"
                .chars()
                .any(|c| is_word(c) && c != '\u{2167}')
        );
    }
}

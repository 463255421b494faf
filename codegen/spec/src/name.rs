use core::fmt;

/// A word that names nothing of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// What was being named: `op`, `packing`, `method`, `target` and so on.
    pub kind: &'static str,
    /// The names that exist, for the message.
    pub known: &'static [&'static str],
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {}, expected one of ", self.kind)?;
        for (i, name) in self.known.iter().enumerate() {
            write!(f, "{}`{name}`", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownName {}

/// Gives a fieldless enum its names: `name`, `ALL`, `Display` and `FromStr`.
macro_rules! named {
    ($type:ident, $kind:literal, { $($variant:ident => $name:expr),+ $(,)? }) => {
        impl $type {
            /// Every value, in declaration order.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];
            /// The names of [`Self::ALL`], in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name used in specifications, logs, records and errors.
            pub const fn name(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        impl core::str::FromStr for $type {
            type Err = $crate::UnknownName;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|value| value.name() == s);
                found.copied().ok_or($crate::UnknownName { kind: $kind, known: Self::NAMES })
            }
        }
    };
}
pub(crate) use named;

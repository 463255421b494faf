use atome_spec::Op;

/// Statements, in order. They are read and printed as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Body {
    statements: Vec<Statement>,
}

/// Gives a name a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement {
    /// An operand, or a name of its own.
    pub name: String,
    /// What it gets.
    pub value: Node,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A constant.
    Number(Number),
    /// An operand, or a name that a statement before gave a value.
    Name(String),
    /// An elementwise op of as many values as it takes.
    Call(Op, Vec<Node>),
}

/// A finite f32, by its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u32);

impl Number {
    /// The number, if it is finite.
    pub fn new(value: f32) -> Option<Number> {
        value.is_finite().then(|| Number(value.to_bits()))
    }

    /// Its value.
    pub const fn value(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl Body {
    pub(super) fn new(statements: Vec<Statement>) -> Body {
        Body { statements }
    }

    /// The statements, in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Every name that a statement mentions, those it writes first; often several times.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut names = Vec::new();
        for statement in &self.statements {
            names.push(statement.name.as_str());
            statement.value.names(&mut names);
        }
        names.into_iter()
    }

    /// Whether a statement gives the name a value.
    pub fn writes(&self, name: &str) -> bool {
        self.statements.iter().any(|s| s.name == name)
    }
}

impl Node {
    fn names<'n>(&'n self, names: &mut Vec<&'n str>) {
        match self {
            Node::Number(_) => {}
            Node::Name(name) => names.push(name),
            Node::Call(_, operands) => operands.iter().for_each(|node| node.names(names)),
        }
    }
}

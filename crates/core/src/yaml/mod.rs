//! YAML with spans: a parser, and edits that preserve comments.

mod aliases;
mod closers;
mod deserializer;
mod edit;
mod node;
mod parser;
mod plain;
mod text;

pub use deserializer::{Mismatch, deserialize};
pub use edit::{Scalar, YamlEdit};
pub use node::{Key, Node, NodeValue};
pub use parser::{Problem, ProblemKind, parse, parse_configuration};
pub use text::{Lines, Place, place};

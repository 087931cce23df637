//! An upper bound on the cost of a policy for a manifest, computed before it runs.
//!
//! CEL has no unbounded loops, but a few nested `all` or a chain of `map(x, x + x)` can keep a
//! machine busy or fill its memory, and the interpreter has neither fuel nor a limit. Kubernetes
//! solves this for its admission policies with an estimate (KEP-2876, "Resource constraints"), and
//! so does this module: one walk over the expression with the sizes of the manifest at hand. One
//! unit is about a visit to a node, or a byte that is copied or compared.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};
use serde_json::Value;

use super::PolicySubject;

/// The maximum cost of an expression.
///
/// Measured, a unit takes up to 50 ns and 50 bytes, so this is less than 0.1 seconds and about 50
/// MB. A manifest of the largest size can still be scanned a few times.
pub(super) const MAX: u64 = 1_000_000;

/// The cost of `matches` per byte of text.
///
/// The pattern is bounded, and so are the states per byte.
const PATTERN: u64 = 3;

/// The maximum length of a number, a boolean or a type as text.
///
/// 1e308 in digits, with a sign.
const SCALAR: u64 = 400;

/// The sizes of an expression's variables.
pub(super) struct Sizes<'a>(Vec<(&'a str, Size<'a>)>);

/// The known size of a value.
#[derive(Debug, Clone, Copy)]
enum Size<'a> {
    /// The value is known.
    Known(&'a Value),
    /// A list with at most `items` items of at most the weight `item`.
    List { items: u64, item: u64 },
    /// A value of at most this weight, including everything in it.
    AtMost(u64),
}

/// An upper bound on the cost of an expression, and the size of its value.
struct Bound<'a> {
    cost: u64,
    size: Size<'a>,
}

impl<'a> Sizes<'a> {
    pub(super) fn of(subject: PolicySubject<'a>) -> Self {
        let mut sizes = vec![
            ("path", Size::AtMost(1 + length(subject.path))),
            ("manifest", Size::Known(subject.manifest)),
        ];
        sizes.extend(subject.base.map(|base| ("base", Size::Known(base))));
        Self(sizes)
    }

    /// Returns the maximum cost of running `expression`.
    pub(super) fn cost(&self, expression: &'a IdedExpr) -> u64 {
        CostBounds { variables: self.0.clone() }.bound(expression).cost
    }
}

struct CostBounds<'a> {
    /// The innermost is last.
    variables: Vec<(&'a str, Size<'a>)>,
}

impl<'a> CostBounds<'a> {
    fn bound(&mut self, expression: &'a IdedExpr) -> Bound<'a> {
        match &expression.expr {
            Expr::Literal(literal) => Bound::of(1, literal_weight(literal)),
            Expr::Ident(name) => {
                let known = self.variables.iter().rev().find(|(variable, _)| variable == name);
                Bound { cost: 1, size: known.map_or(Size::AtMost(SCALAR), |(_, size)| *size) }
            }
            Expr::Select(select) => {
                let operand = self.bound(&select.operand);
                // A field of a value that is not a variable's is moved or copied.
                let copy = if is_variable(&select.operand) { 0 } else { operand.size.weight() };
                let size =
                    if select.test { Size::AtMost(1) } else { operand.size.field(&select.field) };
                Bound { cost: operand.cost.saturating_add(copy).saturating_add(1), size }
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let (cost, _, item) = self.collection(list.elements.iter());
                Bound { cost, size: Size::List { items: list.elements.len() as u64, item } }
            }
            Expr::Map(map) => {
                let (cost, weight, _) =
                    self.collection(map.entries.iter().flat_map(|entry| match &entry.expr {
                        EntryExpr::MapEntry(entry) => [&entry.key, &entry.value],
                        EntryExpr::StructField(field) => [&field.value, &field.value],
                    }));
                let table = MAP.saturating_add(ENTRY.saturating_mul(map.entries.len() as u64));
                Bound::of(cost.saturating_add(table), weight.saturating_add(table))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            // The checks in `expression` reject both.
            Expr::Struct(_) | Expr::Unspecified => Bound::of(u64::MAX, u64::MAX),
        }
    }

    /// Returns the cost, weight and heaviest item of a literal list or map.
    ///
    /// Its items are copied into it.
    fn collection(&mut self, items: impl Iterator<Item = &'a IdedExpr>) -> (u64, u64, u64) {
        let (mut cost, mut weight, mut heaviest) = (1_u64, 1_u64, 0_u64);
        for item in items {
            let item = self.bound(item);
            weight = weight.saturating_add(item.size.weight());
            cost = cost.saturating_add(item.cost).saturating_add(item.size.weight());
            heaviest = heaviest.max(item.size.weight());
        }
        (cost, weight, heaviest)
    }

    fn call(&mut self, call: &'a CallExpr) -> Bound<'a> {
        let (mut cost, mut weight, mut heaviest) = (1_u64, 0_u64, 0_u64);
        let mut first = None;
        for argument in call.target.as_deref().into_iter().chain(&call.args) {
            let bound = self.bound(argument);
            cost = cost.saturating_add(bound.cost);
            weight = weight.saturating_add(bound.size.weight());
            heaviest = heaviest.max(bound.size.weight());
            first.get_or_insert(bound.size);
        }
        let size = match call.func_name.as_str() {
            operators::CONDITIONAL => return Bound::of(cost, heaviest),
            operators::ADD | "dyn" => Size::AtMost(weight.saturating_add(1)),
            "string" => Size::AtMost(weight.saturating_add(SCALAR)),
            operators::INDEX => match (first, call.args.last().map(|index| &index.expr)) {
                (Some(size), Some(Expr::Literal(LiteralValue::String(field)))) => {
                    size.field(field.inner())
                }
                (Some(size), _) => Size::AtMost(size.item()),
                (None, _) => Size::AtMost(weight),
            },
            "matches" => {
                cost = cost.saturating_add(weight.saturating_mul(PATTERN));
                Size::AtMost(1)
            }
            "type" => Size::AtMost(SCALAR),
            // A number or a boolean.
            _ => Size::AtMost(1),
        };
        // Comparing, searching and adding read the operands fully, and so do error messages.
        Bound { cost: cost.saturating_add(weight), size }
    }

    /// Bounds a loop: `all`, `exists`, `exists_one`, `map` or `filter`, expanded.
    ///
    /// The accumulator is a boolean, a number, or a list that each step appends to in place.
    fn comprehension(&mut self, comprehension: &'a ComprehensionExpr) -> Bound<'a> {
        let range = self.bound(&comprehension.iter_range);
        let init = self.bound(&comprehension.accu_init);
        let (rounds, item) = (range.size.items(), range.size.item());
        self.variables.push((&comprehension.accu_var, Size::AtMost(0)));
        self.variables.push((&comprehension.iter_var, Size::AtMost(item)));
        let condition = self.bound(&comprehension.loop_cond);
        let step = self.bound(&comprehension.loop_step);
        self.variables.truncate(self.variables.len() - 2);
        let added = step.size.weight();
        let size = match comprehension.accu_init.expr {
            // Each step appends one item.
            Expr::List(_) => Size::List { items: rounds, item: added },
            _ => Size::AtMost(1),
        };
        // A round copies its item into a variable, and its result into the accumulator.
        let round =
            [condition.cost, step.cost, item, added].into_iter().fold(4, u64::saturating_add);
        let cost = [range.cost, init.cost, rounds.saturating_mul(round), size.weight()];
        Bound { cost: cost.into_iter().fold(1, u64::saturating_add), size }
    }
}

impl<'a> Bound<'a> {
    fn of(cost: u64, weight: u64) -> Self {
        Self { cost, size: Size::AtMost(weight) }
    }
}

impl<'a> Size<'a> {
    fn weight(self) -> u64 {
        match self {
            Self::Known(value) => weight(value),
            Self::List { items, item } => items.saturating_mul(item).saturating_add(1),
            Self::AtMost(weight) => weight,
        }
    }

    /// Returns the number of iterations of a loop over the value.
    fn items(self) -> u64 {
        match self {
            Self::Known(Value::Array(items)) => items.len() as u64,
            Self::Known(Value::Object(fields)) => fields.len() as u64,
            Self::Known(_) => 0,
            Self::List { items, .. } => items,
            // Each weighs at least 1.
            Self::AtMost(weight) => weight,
        }
    }

    /// Returns the weight of the heaviest item of a list, or key or value of a map.
    fn item(self) -> u64 {
        match self {
            Self::Known(Value::Array(items)) => items.iter().map(weight).max().unwrap_or(0),
            Self::Known(Value::Object(fields)) => fields
                .iter()
                .map(|(name, value)| weight(value).max(1 + length(name)))
                .max()
                .unwrap_or(0),
            Self::List { item, .. } => item,
            other => other.weight(),
        }
    }

    fn field(self, name: &str) -> Self {
        match self {
            Self::Known(value) => value.get(name).map_or(Self::AtMost(1), Self::Known),
            other => other,
        }
    }
}

/// Returns whether a value is a variable or a part of one.
///
/// The interpreter borrows such a value.
fn is_variable(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => is_variable(&select.operand),
        _ => false,
    }
}

/// The weight of an empty map, and of each entry.
///
/// A map is a table to allocate, hash and copy.
const MAP: u64 = 12;
const ENTRY: u64 = 6;

/// Returns 1 for each value, plus 1 for each byte of text; maps are heavier.
fn weight(value: &Value) -> u64 {
    match value {
        Value::String(text) => 1 + length(text),
        Value::Array(items) => 1 + items.iter().map(weight).sum::<u64>(),
        Value::Object(fields) => {
            MAP + fields
                .iter()
                .map(|(name, value)| ENTRY + length(name) + weight(value))
                .sum::<u64>()
        }
        _ => 1,
    }
}

fn literal_weight(literal: &LiteralValue) -> u64 {
    match literal {
        LiteralValue::String(text) => 1 + length(text.inner()),
        LiteralValue::Bytes(bytes) => 1 + bytes.inner().len() as u64,
        _ => 1,
    }
}

fn length(text: &str) -> u64 {
    text.len() as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cost(source: &str, manifest: &Value) -> u64 {
        let program = cel::Program::compile(source).unwrap();
        Sizes::of(PolicySubject { path: "a.yaml", manifest, base: None }).cost(program.expression())
    }

    #[test]
    fn ordinary_policies_cost_little_and_large_manifests_can_be_read() {
        let manifest = json!({
            "metadata": { "owner": "team", "labels": ["a", "b", "c"] },
            "spec": { "ttlDays": 30 },
        });
        for source in [
            "manifest.metadata.owner in [\"platform-team\", \"security-team\"]",
            "manifest.metadata.labels.all(a, manifest.metadata.labels.exists_one(b, a == b))",
            "manifest.metadata.owner.matches(\"^[a-z-]+$\")",
        ] {
            assert!(cost(source, &manifest) < 1000, "{source}: {}", cost(source, &manifest));
        }
        let large = json!({ "metadata": { "description": "x".repeat(240_000) } });
        assert!(cost("manifest.metadata.description.matches(\"^[^x]*$\")", &large) <= MAX);
        assert!(cost("manifest.metadata.description.size() < 500", &large) <= MAX);
    }

    #[test]
    fn exponential_growth_exceeds_the_limit() {
        let manifest = json!({ "items": (0..50).collect::<Vec<_>>() });
        let nested = |levels: usize| {
            format!("{}true{}", "manifest.items.all(x, ".repeat(levels), ")".repeat(levels))
        };
        assert!(cost(&nested(2), &manifest) <= MAX);
        assert!(cost(&nested(4), &manifest) > MAX);
        let doubled =
            |times: usize| format!("[\"ab\"]{}.size() == 1", ".map(x, x + x)".repeat(times));
        assert!(cost(&doubled(3), &manifest) <= MAX);
        assert!(cost(&doubled(40), &manifest) > MAX);
        let copied =
            |times: usize| format!("[1]{}.size() == 1", ".map(x, [x, x, x, x])".repeat(times));
        assert!(cost(&copied(2), &manifest) <= MAX);
        assert!(cost(&copied(30), &manifest) > MAX);
    }
}

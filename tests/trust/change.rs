//! A change is judged whole, by the rules of its base.

//! Every crate in the lock file has a licence that `deny.toml` allows. `cargo deny` checks
//! the same and more; this one is there on every machine.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The words between the brackets of `allow = [ … ]`.
fn allowed(deny: &str) -> Vec<String> {
    let list = deny.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// True when an SPDX expression can be satisfied. `AND` binds tighter than `OR`; brackets are
/// opened from the inside. The old form `MIT/Apache-2.0` means `OR`.
fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ");
    if let Some((before, rest)) = expression.rsplit_once('(') {
        let Some((inner, after)) = rest.split_once(')') else { return false };
        let value = if satisfied(inner, allowed) { "yes" } else { "no" };
        return satisfied(&format!("{before}{value}{after}"), allowed);
    }
    expression.split(" OR ").any(|choice| {
        choice
            .split(" AND ")
            .map(str::trim)
            .all(|name| name == "yes" || allowed.iter().any(|one| one == name))
    })
}

#[test]
fn all_dependencies_have_an_allowed_licence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let allowed = allowed(&std::fs::read_to_string(root.join("deny.toml")).unwrap());
    assert!(allowed.contains(&"MIT".to_owned()));
    let metadata = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(&root)
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 5);
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(|text| satisfied(text, &allowed)))
        .map(|package| format!("{} {}", package["name"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn expressions_are_understood() {
    let allowed = ["MIT".to_owned(), "Unicode-3.0".to_owned()];
    for (expression, wanted) in [
        ("MIT OR Apache-2.0", true),
        ("GPL-3.0", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(GPL-2.0 OR Apache-2.0) AND MIT", false),
        ("Apache-2.0/MIT", true),
        ("MIT AND GPL-2.0", false),
    ] {
        assert_eq!(satisfied(expression, &allowed), wanted, "{expression}");
    }
}

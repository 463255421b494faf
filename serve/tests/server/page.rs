//! The page at `/`.

use crate::support::{Running, quiet, random};

#[test]
fn the_page_takes_nothing_from_elsewhere() {
    let server = Running::new(&random(1, None), quiet());
    for (path, kind) in [
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").unwrap().starts_with(kind));
        let text = answer.text();
        assert!(!text.contains("://") && !text.contains("@import"), "{path}");
    }
    let policy = server
        .get("/")
        .header("content-security-policy")
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
}

//! probe
use miette::Diagnostic as _;
fn main() {
    for p in std::env::args().skip(1) {
        match provisioner::inventory::Inventory::load(p.as_ref()) {
            Ok(l) => {
                println!("{:#?}", l.inventory);
                for r in &l.remarks {
                    println!(
                        "remark {:?} {:?} {r} | {}",
                        r.line_column(),
                        r.offending(),
                        r.help().unwrap()
                    );
                }
            }
            Err(e) => {
                for r in e.findings() {
                    println!(
                        "{:?} {:?} {r} | {:?}",
                        r.line_column(),
                        r.offending(),
                        r.help().map(|h| h.to_string())
                    );
                }
                println!("{e}")
            }
        }
    }
}

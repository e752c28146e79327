//! Where one operand of a note ends and the next begins.
//!
//! `sys/sdt.h` writes a size before each and a blank after it, but operands have blanks too: `8@[sp, 16]`, or
//! `4@DWORD PTR [rbp-4]` in a program compiled with `-masm=intel`. So what separates is a blank with a size
//! after it: a piece that nobody understands, brackets left open included, costs itself and shifts no other
//! argument. Hand-written assembly may leave the sizes out (`%eax 4(%rsi)`); there every blank outside of
//! brackets separates.

/// The operands in order, without the blanks around them.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(' ');
        let end = match sized(rest) {
            Some(_) => next_size(rest),
            None => next_blank(rest),
        };
        let (operand, after) = rest.split_at_checked(end)?;
        rest = after;
        let operand = operand.trim_end_matches(' ');
        (!operand.is_empty()).then_some(operand)
    })
}

/// The size and the place after it, when the operand has a size: `-8` and `%r12` of `-8@%r12`. Thread-local
/// symbols have an `@` of their own: `%fs:count@tpoff`.
pub(super) fn sized(operand: &str) -> Option<(&str, &str)> {
    let end = operand.find(|byte: char| !matches!(byte, '-' | '0'..='9' | 'f'))?;
    let (size, rest) = operand.split_at_checked(end)?;
    let place = rest.strip_prefix('@')?;
    (!size.is_empty()).then_some((size, place))
}

fn next_size(text: &str) -> usize {
    text.match_indices(' ')
        .map(|(blank, _)| blank)
        .find(|blank| {
            text.get(blank + 1..)
                .is_some_and(|rest| sized(rest).is_some())
        })
        .unwrap_or(text.len())
}

fn next_blank(text: &str) -> usize {
    let mut depth = 0_u32;
    text.find(|byte: char| {
        match byte {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        byte == ' ' && depth == 0
    })
    .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_with_a_size_after_it_separates() {
        for (text, operands) in [
            ("", &[] as &[&str]),
            ("   ", &[]),
            ("-8@%r12", &["-8@%r12"]),
            ("-4@[sp, 60]  8@x19 ", &["-4@[sp, 60]", "8@x19"]),
            ("8@8(%rsp, %rcx, 8) 1@$1", &["8@8(%rsp, %rcx, 8)", "1@$1"]),
            (
                "-4@DWORD PTR [rbp-4] 8@rax",
                &["-4@DWORD PTR [rbp-4]", "8@rax"],
            ),
            ("8@8(%rsp 4@%eax", &["8@8(%rsp", "4@%eax"]),
            ("8f@%xmm0 -8f@%xmm1", &["8f@%xmm0", "-8f@%xmm1"]),
            ("-4@%fs:n@tpoff 4@%eax", &["-4@%fs:n@tpoff", "4@%eax"]),
        ] {
            assert_eq!(split(text).collect::<Vec<_>>(), operands, "{text:?}");
        }
    }

    #[test]
    fn without_sizes_every_blank_outside_of_brackets_separates() {
        for (text, operands) in [
            ("%eax 4(%rsi)", &["%eax", "4(%rsi)"] as &[&str]),
            ("8(%rsp, %rcx, 8) $1", &["8(%rsp, %rcx, 8)", "$1"]),
            ("%eax 4@%edx", &["%eax", "4@%edx"]),
            ("%fs:n@tpoff %eax", &["%fs:n@tpoff", "%eax"]),
        ] {
            assert_eq!(split(text).collect::<Vec<_>>(), operands, "{text:?}");
        }
    }
}

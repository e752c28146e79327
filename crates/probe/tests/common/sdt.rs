//! A C program full of tracepoints from `sys/sdt.h`, and what each of them passes: for tests that read its
//! notes, and for tests that trace it.
//!
//! `program [ROUNDS [wait]]` makes every call of the table once a round, in the table's order; with a second
//! argument it reads a byte from its standard input first, so that a tracer can attach by process. Compiled
//! with `-DSEMAPHORES`, a tracepoint fires only while its semaphore is raised. The compiler sees no value it
//! could take for a constant, but for those that are meant to be constants.

use std::fmt::Write as _;

/// The provider of all of them.
pub(crate) const PROVIDER: &str = "sdt";

/// What there is to compile and what to expect of it.
pub(crate) struct Fixture {
    pub(crate) source: String,
    /// In the order of their first calls.
    pub(crate) probes: Vec<Probe>,
}

/// One tracepoint.
pub(crate) struct Probe {
    pub(crate) name: String,
    /// How often the source has it. An optimizer may make more of them.
    pub(crate) sites: usize,
    /// What one round passes, call by call.
    pub(crate) calls: Vec<Vec<Arg>>,
}

/// One argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arg {
    pub(crate) size: u8,
    pub(crate) signed: bool,
    pub(crate) value: Value,
}

/// What a tracer shows for an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    /// This number, extended to 64 bits as the argument's sign has it. Those of an unsigned number above
    /// `i64::MAX` are kept.
    Int(i64),
    /// The address of this text, which ends with a NUL that is not shown here.
    Text(&'static str),
    /// This number where the compiler takes it into a register first, as without optimization. Where it does
    /// not, the operand is relative to the instruction pointer or to the thread, and cannot be decoded.
    Elsewhere(i64),
    /// Nothing: floating point and 16-byte values are not supported.
    Unsupported,
}

/// An integer type of C.
#[derive(Clone, Copy)]
struct Type {
    name: &'static str,
    size: u8,
    signed: bool,
}

const TYPES: [Type; 8] = [
    Type::new("int8_t", 1, true),
    Type::new("uint8_t", 1, false),
    Type::new("int16_t", 2, true),
    Type::new("uint16_t", 2, false),
    Type::new("int32_t", 4, true),
    Type::new("uint32_t", 4, false),
    Type::new("int64_t", 8, true),
    Type::new("uint64_t", 8, false),
];

impl Type {
    const fn new(name: &'static str, size: u8, signed: bool) -> Self {
        Self { name, size, signed }
    }

    /// A number cut to the type, as the 64 bits it travels as.
    fn cut(self, value: i64) -> i64 {
        match (self.size, self.signed) {
            (1, true) => i64::from(value as i8),
            (1, false) => i64::from(value as u8),
            (2, true) => i64::from(value as i16),
            (2, false) => i64::from(value as u16),
            (4, true) => i64::from(value as i32),
            (4, false) => i64::from(value as u32),
            _ => value,
        }
    }

    /// The smallest, the greatest, nothing, all bits but none above the type, and bytes that all differ.
    fn values(self) -> [i64; 5] {
        let top = 1_i64 << (8 * u32::from(self.size) - 1);
        let [least, greatest] = if self.signed {
            [top, top.wrapping_sub(1)]
        } else {
            [1, -1]
        };
        [least, greatest, 0, -1, 0xf1e2_d3c4_b5a6_9788_u64 as i64].map(|value| self.cut(value))
    }

    fn literal(self, value: i64) -> String {
        // C has no literal for the smallest number: it is the negation of one that is too great.
        let name = self.name;
        match (self.signed, value) {
            (true, i64::MIN) => format!("({name})(-{}LL - 1)", i64::MAX),
            (true, _) => format!("({name}){value}LL"),
            (false, _) => format!("({name}){}ULL", value as u64),
        }
    }

    fn arg(self, value: i64) -> Arg {
        Arg {
            size: self.size,
            signed: self.signed,
            value: Value::Int(value),
        }
    }
}

/// Everything, the same in every run.
pub(crate) fn fixture() -> Fixture {
    let mut made = Fixture {
        source: PRELUDE.to_owned(),
        probes: Vec::new(),
    };
    let mut calls = String::new();
    for one in TYPES {
        made.values_of(one, &mut calls);
    }
    for count in 0..=12 {
        made.count_of(count, &mut calls);
    }
    made.others(&mut calls);
    let body = MAIN.replace("CALLS", &calls);
    made.source.push_str(&body);
    made
}

impl Fixture {
    fn probe(&mut self, name: &str, sites: usize, calls: Vec<Vec<Arg>>) {
        self.probes.push(Probe {
            name: name.to_owned(),
            sites,
            calls,
        });
    }

    /// A function with one tracepoint, whose semaphore comes before it.
    fn function(&mut self, name: &str, parameters: &str, before: &str, args: &[String]) {
        let count = match args.len() {
            0 => String::new(),
            count => count.to_string(),
        };
        let list: String = args.iter().map(|arg| format!(", {arg}")).collect();
        let parameters = if parameters.is_empty() {
            "void"
        } else {
            parameters
        };
        let _ = write!(
            self.source,
            "SEMAPHORE({name});\n\
             NOINLINE static void {name}({parameters})\n\
             {{\n    {before}if (ACTIVE({name}))\n        \
             STAP_PROBE{count}({PROVIDER}, {name}{list});\n}}\n\n"
        );
    }

    /// Every way to hold five values of one type.
    fn values_of(&mut self, one: Type, calls: &mut String) {
        let c = one.name;
        let values = one.values();
        let literals = values.map(|value| one.literal(value)).join(", ");
        let _ = writeln!(
            self.source,
            "static volatile {c} of_{c}[5] = {{{literals}}};\n\
             static {c} array_{c}[7] = {{0, 0, {literals}}};\n\
             static {c} *volatile pointer_{c} = array_{c};\n\
             static struct members_{c} {{\n    char before[24];\n    {c} a0, a1, a2, a3, a4;\n\
             }} members_{c} = {{\"\", {literals}}};\n\
             static struct members_{c} *volatile record_{c} = &members_{c};\n"
        );
        let expected = values.map(|value| one.arg(value)).to_vec();
        let each = |show: &dyn Fn(usize) -> String| -> Vec<String> { (0..5).map(show).collect() };

        let name = format!("variable_{c}");
        let parameters = each(&|at| format!("{c} a{at}")).join(", ");
        self.function(&name, &parameters, "", &each(&|at| format!("a{at}")));
        let values_given = each(&|at| format!("of_{c}[{at}]")).join(", ");
        let _ = writeln!(calls, "        {name}({values_given});");
        self.probe(&name, 1, vec![expected.clone()]);

        let name = format!("constant_{c}");
        self.function(&name, "", "", &values.map(|value| one.literal(value)));
        let _ = writeln!(calls, "        {name}();");
        self.probe(&name, 1, vec![expected.clone()]);

        let name = format!("member_{c}");
        let parameters = format!("const struct members_{c} *record");
        self.function(
            &name,
            &parameters,
            "",
            &each(&|at| format!("record->a{at}")),
        );
        let _ = writeln!(calls, "        {name}(record_{c});");
        self.probe(&name, 1, vec![expected.clone()]);

        // The first two elements are skipped by the index: base, index, scale and displacement.
        let name = format!("element_{c}");
        let parameters = format!("const {c} *array, long i");
        self.function(
            &name,
            &parameters,
            "",
            &each(&|at| format!("array[i + {at}]")),
        );
        let _ = writeln!(calls, "        {name}(pointer_{c}, two);");
        self.probe(&name, 1, vec![expected.clone()]);

        // The same on the stack, by turns with an index the compiler knows.
        let name = format!("stack_{c}");
        let fill = format!(
            "{c} local[7];\n    for (int k = 0; k < 5; k++)\n        local[k + 2] = of_{c}[k];\n    \
             ESCAPE(local);\n    "
        );
        let place = |at: usize| match at % 2 {
            0 => format!("local[i + {at}]"),
            _ => format!("local[{}]", at + 2),
        };
        self.function(&name, "long i", &fill, &each(&place));
        let _ = writeln!(calls, "        {name}(two);");
        self.probe(&name, 1, vec![expected]);
    }

    /// So many arguments, of all types by turns, every third a constant.
    fn count_of(&mut self, count: usize, calls: &mut String) {
        let name = format!("args{count}");
        let (mut parameters, mut given, mut passed, mut expected) =
            (vec![], vec![], vec![], vec![]);
        for at in 0..count {
            let one = TYPES[(at * 3 + count) % TYPES.len()];
            let which = (at + count) % 5;
            let value = one.values()[which];
            expected.push(one.arg(value));
            if at % 3 == 2 {
                passed.push(one.literal(value));
            } else {
                parameters.push(format!("{} a{at}", one.name));
                given.push(format!("of_{}[{which}]", one.name));
                passed.push(format!("a{at}"));
            }
        }
        self.function(&name, &parameters.join(", "), "", &passed);
        let _ = writeln!(calls, "        {name}({});", given.join(", "));
        self.probe(&name, 1, vec![expected]);
    }

    /// What is in `OTHERS`, whose calls are in the order of this table.
    fn others(&mut self, calls: &mut String) {
        let int = |size, signed, value| Arg {
            size,
            signed,
            value: Value::Int(value),
        };
        let pointer = |value| Arg {
            size: 8,
            signed: false,
            value,
        };
        let unsupported = |size, signed| Arg {
            size,
            signed,
            value: Value::Unsupported,
        };
        let elsewhere = |size, signed, value| Arg {
            size,
            signed,
            value: Value::Elsewhere(value),
        };
        self.source.push_str(OTHERS);
        calls.push_str(OTHERS_CALLS);
        let texts = TEXTS.map(|text| pointer(Value::Text(text)));
        self.probe("texts", 1, vec![texts.to_vec()]);
        let null = [pointer(Value::Int(0)), int(1, false, 1), int(4, false, 2)];
        self.probe("null_bool_enum", 1, vec![null.to_vec()]);
        let after = int(4, true, -42);
        let floats = [unsupported(8, false), unsupported(4, false), after];
        self.probe("floats", 1, vec![floats.to_vec()]);
        self.probe("wide", 1, vec![vec![unsupported(16, true), after]]);
        let globals = [
            elsewhere(8, false, 0x1122_3344_5566_7788),
            elsewhere(4, true, -7),
            after,
        ];
        self.probe("globals", 1, vec![globals.to_vec()]);
        let sites = [
            vec![int(1, true, -1)],
            vec![int(8, false, -1), int(2, true, -1)],
            vec![int(4, true, 1)],
            vec![int(4, true, 2)],
        ];
        self.probe("sites", 4, sites.to_vec());
        let repeated = (0..100).map(|at| vec![int(8, true, at - 50)]).collect();
        self.probe("repeated", 1, repeated);
    }
}

/// What `OTHERS` has in its array of texts.
const TEXTS: [&str; 4] = [
    "",
    "hello",
    "žluťoučký kůň",
    "a text that is longer than a short buffer: 0123456789 0123456789 0123456789 0123456789",
];

const PRELUDE: &str = include_str!("prelude.c");

const OTHERS: &str = include_str!("others.c");

const OTHERS_CALLS: &str = "        texts(texts_of[0], texts_of[1], texts_of[2], records);
        null_bool_enum(nothing, yes, chosen);
        floats(of_float[0], of_float[1], minus_42);
        wide(minus_42);
        globals(minus_42);
        sites();
        repeated();
";

const MAIN: &str = r"
int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 1;
    if (argc > 2) {
        char byte;
        if (read(0, &byte, 1) != 1)
            return 1;
    }
    while (rounds-- > 0) {
CALLS    }
    return 0;
}
";

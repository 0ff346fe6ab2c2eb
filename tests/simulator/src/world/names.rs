//! Invented names that read well, and ids in the shapes that the real site gives. All follow from numbers.

use std::fmt::Write as _;

const DEPARTMENTS: [(&str, &str); 40] = [
    ("ENG", "Engineering"),
    ("OPS", "Operations"),
    ("HR", "People and Culture"),
    ("SALES", "Sales"),
    ("MKT", "Marketing"),
    ("FIN", "Finance"),
    ("SEC", "Security"),
    ("PLAT", "Platform"),
    ("DATA", "Data and Analytics"),
    ("DESIGN", "Design"),
    ("LEGAL", "Legal"),
    ("SUP", "Customer Support"),
    ("QA", "Quality"),
    ("MOB", "Mobile Apps"),
    ("WEB", "Web Shop"),
    ("API", "Public API"),
    ("ARCH", "Architecture"),
    ("REL", "Releases"),
    ("PROC", "Procurement"),
    ("FAC", "Facilities"),
    ("LEARN", "Learning"),
    ("PART", "Partners"),
    ("RES", "Research"),
    ("BILL", "Billing"),
    ("IAM", "Identity"),
    ("NET", "Networks"),
    ("STOR", "Storage"),
    ("SRE", "Site Reliability"),
    ("PAY", "Payments"),
    ("LOG", "Logistics"),
    ("INV", "Inventory"),
    ("RISK", "Risk"),
    ("AUD", "Internal Audit"),
    ("COMMS", "Communications"),
    ("EVENT", "Events"),
    ("LAB", "Prototypes"),
    ("FIELD", "Field Service"),
    ("TRAVEL", "Travel"),
    ("GREEN", "Sustainability"),
    ("BOARD", "Board"),
];

const FIRST_NAMES: [&str; 20] = [
    "Ada", "Bruno", "Chen", "Dina", "Emeka", "Freya", "Goran", "Hana", "Ines", "Jonas", "Kavya", "Liam", "Mara",
    "Noor", "Otto", "Priya", "Quinn", "Rosa", "Sven", "Tomoko",
];

const LAST_NAMES: [&str; 20] = [
    "Abel", "Brandt", "Castro", "Dahl", "Eriksen", "Fischer", "Garcia", "Huber", "Ito", "Jansen", "Kumar", "Lopez",
    "Moreau", "Novak", "Okafor", "Petit", "Rossi", "Silva", "Tanaka", "Weber",
];

const SUBJECTS: [&str; 24] = [
    "Onboarding",
    "Release",
    "Incident",
    "Backup",
    "Billing",
    "Roadmap",
    "Retrospective",
    "Architecture",
    "Budget",
    "Deployment",
    "Monitoring",
    "Interview",
    "Travel",
    "Access",
    "Data retention",
    "Service level",
    "Capacity",
    "Migration",
    "Search",
    "Checkout",
    "Vendor",
    "Compliance",
    "Training",
    "Design",
];

const FORMS: [&str; 16] = [
    "guide",
    "notes",
    "decision",
    "checklist",
    "runbook",
    "plan",
    "review",
    "FAQ",
    "overview",
    "how-to",
    "minutes",
    "proposal",
    "template",
    "glossary",
    "report",
    "policy",
];

/// The global labels of a grown world, most used first.
pub(super) const LABELS: [&str; 40] = [
    "how-to",
    "meeting-notes",
    "decision",
    "runbook",
    "draft",
    "onboarding",
    "architecture",
    "incident",
    "retrospective",
    "policy",
    "faq",
    "release",
    "roadmap",
    "template",
    "security",
    "api",
    "backend",
    "frontend",
    "database",
    "kubernetes",
    "customer",
    "finance",
    "hiring",
    "design",
    "research",
    "outdated",
    "deprecated",
    "monitoring",
    "oncall",
    "legal",
    "privacy",
    "vendor",
    "training",
    "kb-troubleshooting-article",
    "2025",
    "2026",
    "okr",
    "team-ritual",
    "experiment",
    "glossary",
];

/// The content states of a grown world: name and colour.
pub(super) const STATES: [(&str, &str); 4] =
    [("Rough draft", "#ffc400"), ("In progress", "#2684ff"), ("Ready for review", "#57d9a3"), ("Verified", "#36b37e")];

/// A number that looks random and follows from two others.
pub(crate) const fn mix(seed: u64, salt: u64) -> u64 {
    let mut mixed = seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Key and name of the space at a place.
pub(super) fn department(place: usize) -> (String, String) {
    let (key, name) = DEPARTMENTS[place % DEPARTMENTS.len()];
    match place / DEPARTMENTS.len() {
        0 => (key.to_owned(), name.to_owned()),
        round => (format!("{key}{}", round + 1), format!("{name} {}", round + 1)),
    }
}

/// One of the three shapes that account ids have.
pub(super) fn account_id(seed: u64, place: u32) -> String {
    let high = mix(seed, u64::from(place) * 2 + 0x5eed);
    let low = mix(seed, u64::from(place) * 2 + 0x5eee);
    let hex = format!("{high:016x}{low:016x}");
    let uuid = format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]);
    match place % 5 {
        0..=2 => format!("712020:{uuid}"),
        3 => format!("557058:{uuid}"),
        _ => hex[..24].to_owned(),
    }
}

pub(super) fn person(place: u32) -> String {
    let place = place as usize;
    let mut name = format!(
        "{} {}",
        FIRST_NAMES[place % FIRST_NAMES.len()],
        LAST_NAMES[(place / FIRST_NAMES.len()) % LAST_NAMES.len()]
    );
    let round = place / (FIRST_NAMES.len() * LAST_NAMES.len());
    if round > 0 {
        let _ = write!(name, " {}", round + 1);
    }
    name
}

/// A doc's title follows from its id, so that a million of them need no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Title {
    subject: &'static str,
    form: &'static str,
}

impl Title {
    pub(crate) fn of(doc: u64) -> Self {
        let mixed = mix(doc, 7).to_le_bytes();
        Self {
            subject: SUBJECTS[usize::from(mixed[0]) % SUBJECTS.len()],
            form: FORMS[usize::from(mixed[1]) % FORMS.len()],
        }
    }

    /// What makes the title when it is joined; nothing in it needs an escape.
    pub(crate) fn pieces(self, id: &str) -> [&str; 5] {
        [self.subject, " ", self.form, " ", id]
    }
}

pub(crate) fn title(doc: u64) -> String {
    Title::of(doc).pieces(&doc.to_string()).concat()
}

//! The tables of the paper as it prints them.

/// A column: a data set and a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// What the names of its recipes begin with, such as `cifar10-lt-100`.
    pub data: &'static str,
    /// The key of the figure.
    pub figure: &'static str,
}

/// A row: a system, and what is printed of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What the table calls it.
    pub title: &'static str,
    /// What the names of its recipes end with.
    pub system: &'static str,
    /// What is to be known of it, in a sentence.
    pub remark: &'static str,
    /// A cell for every column, as printed; `-` where nothing is.
    pub cells: &'static [&'static str],
}

/// A table of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// What it is called here.
    pub name: &'static str,
    /// What it is.
    pub caption: &'static str,
    /// The columns.
    pub columns: &'static [Column],
    /// The rows.
    pub rows: &'static [Row],
}

/// The key of balanced top-1, which tables 1 and 2 call the arithmetic mean.
pub const BALANCED: &str = "arithmetic_mean";
/// The key of the harmonic mean.
pub const HARMONIC: &str = "harmonic_mean";
/// The key of the Calinski–Harabasz index.
pub const CHI: &str = "calinski_harabasz";
/// The key of the Davies–Bouldin index.
pub const DBI: &str = "davies_bouldin";

const fn column(data: &'static str, figure: &'static str) -> Column {
    Column { data, figure }
}

const fn row(title: &'static str, system: &'static str, cells: &'static [&'static str]) -> Row {
    Row { title, system, remark: "", cells }
}

const fn remarked(
    title: &'static str,
    system: &'static str,
    cells: &'static [&'static str],
    remark: &'static str,
) -> Row {
    Row { title, system, remark, cells }
}

const TABLE_1: Table = Table {
    name: "table1",
    caption: "Table 1: CIFAR-100-LT, factor 100, by the parts of the loss",
    columns: &[column("cifar100-lt-100", BALANCED), column("cifar100-lt-100", HARMONIC)],
    rows: &[
        row("LC", "la-matched", &["44.0", "35.2"]),
        row("LC + SCL", "scl", &["51.1", "39.2"]),
        row("LC + SCL + BCL", "bcl", &["51.9", "40.2"]),
        row("LC + SCL + RCL", "rcl", &["52.2", "42.4"]),
        row("LC + SCL + BCL + RCL", "bcl-rcl", &["52.1", "41.1"]),
    ],
};

const TABLE_2: Table = Table {
    name: "table2",
    caption: "Table 2: CIFAR-10-LT, factor 100, by the parts of the loss",
    columns: &[column("cifar10-lt-100", BALANCED), column("cifar10-lt-100", HARMONIC)],
    rows: &[
        row("LC", "la-matched", &["81.2", "80.5"]),
        row("LC + SCL", "scl", &["83.5", "83.1"]),
        row("LC + SCL + BCL", "bcl", &["84.3", "83.7"]),
        row("LC + SCL + RCL", "rcl", &["86.0", "85.3"]),
        row("LC + SCL + BCL + RCL", "bcl-rcl", &["86.2", "85.7"]),
    ],
};

const DECOUPLED: &[&str] = &["78.5", "-", "91.1", "41.3", "-", "63.4"];
const OF_DECOUPLED: &str = "the paper does not say which of the four decoupled systems its row is";

const TABLE_3: Table = Table {
    name: "table3",
    caption: "Table 3: balanced top-1 on CIFAR-10-LT and CIFAR-100-LT",
    columns: &[
        column("cifar10-lt-100", BALANCED),
        column("cifar10-lt-50", BALANCED),
        column("cifar10-lt-10", BALANCED),
        column("cifar100-lt-100", BALANCED),
        column("cifar100-lt-50", BALANCED),
        column("cifar100-lt-10", BALANCED),
    ],
    rows: &[
        row("CE", "ce", &["70.4", "74.8", "86.4", "38.5", "43.9", "55.7"]),
        row("LDAM+DRW", "ldam-drw", &["77.2", "81.0", "88.2", "42.2", "46.6", "58.7"]),
        row("LogitAdjust", "la", &["80.2", "-", "-", "43.9", "-", "57.4"]),
        row("CB+Focal", "cb-focal", &["74.6", "79.4", "87.1", "39.9", "45.2", "58.0"]),
        remarked(
            "BALMS",
            "balanced-softmax",
            &["84.9", "-", "91.3", "50.8", "-", "63.0"],
            "ours is the first of its two stages",
        ),
        remarked("Decoupled, as cRT", "crt", DECOUPLED, OF_DECOUPLED),
        remarked("Decoupled, as LWS", "lws", DECOUPLED, OF_DECOUPLED),
        remarked("Decoupled, as τ-norm", "tau-norm", DECOUPLED, OF_DECOUPLED),
        remarked("Decoupled, as NCM", "ncm", DECOUPLED, OF_DECOUPLED),
        row("DRO-LT", "dro-lt", &["80.5", "-", "-", "47.1", "57.6", "63.4"]),
        row("RIDE", "ride", &["-", "-", "-", "49.1", "-", "61.8"]),
        row("ACE", "ace", &["81.4", "84.9", "-", "49.6", "51.9", "-"]),
        row("BBN", "bbn", &["79.8", "82.2", "-", "42.6", "47.0", "-"]),
        remarked(
            "Hybrid-SPC",
            "hybrid-sc",
            &["81.4", "83.7", "91.1", "46.7", "48.9", "63.1"],
            "the paper's row mixes the figures of two systems, Hybrid-SC and Hybrid-PSC",
        ),
        row("TSC", "tsc", &["79.7", "82.9", "88.7", "43.8", "47.4", "59.0"]),
        row("BCL", "bcl", &["84.3", "87.2", "91.1", "51.9", "56.6", "64.9"]),
        row("RCL", "rcl", &["86.0", "88.5", "91.7", "52.2", "56.8", "65.6"]),
        row("BCL+RCL", "bcl-rcl", &["86.2", "88.4", "92.0", "52.1", "56.0", "65.4"]),
    ],
};

const DECOUPLED_4: &[&str] = &["50.6", "49.6"];

const TABLE_4: Table = Table {
    name: "table4",
    caption: "Table 4: balanced top-1 on ImageNet-LT",
    columns: &[column("imagenet-lt-resnet50", BALANCED), column("imagenet-lt-resnext50", BALANCED)],
    rows: &[
        row("CE", "ce", &["41.6", "44.4"]),
        row("LDAM+DR", "ldam-drw", &["49.8", "-"]),
        row("LogitAdjust", "la", &["50.9", "-"]),
        row("CB+Focal", "cb-focal", &["46.8", "45.3"]),
        row("BalSoftMax", "balanced-softmax", &["-", "51.4"]),
        remarked("Decoupled, as cRT", "crt", DECOUPLED_4, OF_DECOUPLED),
        remarked("Decoupled, as LWS", "lws", DECOUPLED_4, OF_DECOUPLED),
        remarked("Decoupled, as τ-norm", "tau-norm", DECOUPLED_4, OF_DECOUPLED),
        remarked("Decoupled, as NCM", "ncm", DECOUPLED_4, OF_DECOUPLED),
        row("DRO-LT", "dro-lt", &["53.5", "53.5"]),
        row("RIDE", "ride", &["55.4", "56.8"]),
        row("ACE", "ace", &["54.7", "56.6"]),
        row("ELM", "elm", &["50.6", "-"]),
        row("BBN", "bbn", &["48.3", "49.3"]),
        row("BCL", "bcl", &["56.2", "57.4"]),
        row("BCL+RCL", "bcl-rcl", &["56.3", "57.5"]),
    ],
};

/// Which space of features the paper means is not said, so that ours stand in both.
const TABLE_5: Table = Table {
    name: "table5",
    caption: "Table 5: Calinski–Harabasz (CHI, higher is better) and Davies–Bouldin index (DBI, lower is better) of features",
    columns: &[
        column("cifar100-lt-100", CHI),
        column("cifar100-lt-100", DBI),
        column("cifar100-lt-100", OVERLAP),
        column("cifar10-lt-100", CHI),
        column("cifar10-lt-100", DBI),
        column("cifar10-lt-100", OVERLAP),
    ],
    rows: &[
        row("BCL", "bcl", &["3962.9", "0.97", "-", "84.1", "4.1", "-"]),
        row("BCL+RCL", "bcl-rcl", &["4091.8", "0.94", "-", "105.8", "4.0", "-"]),
    ],
};

/// The key of how far the rarest third of the classes reach into others: mean spread over margin.
pub const OVERLAP: &str = "tail/overlap";

/// All of them.
pub const TABLES: [Table; 5] = [TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5];

impl Table {
    /// The table of that name.
    pub fn of_name(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }
}

impl Column {
    /// The data of a column for people, such as `CIFAR-10-LT, factor 100`.
    pub fn title(&self) -> String {
        title(self.data)
    }
}

/// `cifar10-lt-100` and `imagenet-lt-resnet50` for people.
pub fn title(data: &str) -> String {
    let (set, last) = data.rsplit_once('-').unwrap_or((data, ""));
    let network = match last {
        "resnet50" => "ResNet-50",
        "resnext50" => "ResNeXt-50",
        factor => {
            let set = set.to_uppercase().replace("CIFAR", "CIFAR-");
            return format!("{set}, factor {factor}");
        }
    };
    format!("{}, {network}", set.replace("imagenet-lt", "ImageNet-LT"))
}

/// What the paper prints of a recipe: of balanced top-1 and of the harmonic mean.
pub fn printed(recipe: &str, figure: &str) -> Option<&'static str> {
    let cells = TABLES.iter().flat_map(|table| {
        let rows = table.rows.iter();
        rows.flat_map(|row| {
            let cells = table.columns.iter().zip(row.cells);
            cells.map(move |(column, cell)| (column, row.system, *cell))
        })
    });
    let is_it = |(column, system, cell): &(&Column, &str, &str)| {
        *cell != "-" && column.figure == figure && format!("{}-{system}", column.data) == recipe
    };
    cells.into_iter().find(is_it).map(|(_, _, cell)| cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_cell_for_every_column_and_every_cell_is_a_number() {
        for table in TABLES {
            for row in table.rows {
                assert_eq!(row.cells.len(), table.columns.len(), "{} {}", table.name, row.title);
                for cell in row.cells {
                    assert!(*cell == "-" || cell.parse::<f64>().is_ok(), "{cell}");
                }
            }
        }
        assert_eq!(Table::of_name("table3").unwrap().rows.len(), 18);
        assert_eq!(Table::of_name("table4").unwrap().rows.len(), 16);
        assert!(Table::of_name("table6").is_none());
    }

    #[test]
    fn what_is_printed_of_a_recipe_is_found_wherever_it_stands() {
        assert_eq!(printed("cifar10-lt-100-rcl", BALANCED), Some("86.0"));
        assert_eq!(printed("cifar10-lt-100-rcl", HARMONIC), Some("85.3"));
        assert_eq!(printed("cifar100-lt-10-ride", BALANCED), Some("61.8"));
        assert_eq!(printed("cifar100-lt-50-ride", BALANCED), None);
        assert_eq!(printed("imagenet-lt-resnext50-bcl-rcl", BALANCED), Some("57.5"));
        assert_eq!(title("cifar100-lt-50"), "CIFAR-100-LT, factor 50");
        assert_eq!(title("imagenet-lt-resnet50"), "ImageNet-LT, ResNet-50");
    }
}

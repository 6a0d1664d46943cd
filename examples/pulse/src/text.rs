//! Styled lines of text, and how to combine them to a page. Nothing here knows of a terminal.

/// The style of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Normal text.
    Plain,
    /// Less important text.
    Dim,
    /// Important text.
    Bold,
    /// The title of a table.
    Title,
    /// The program's name, and keys.
    Badge,
    /// Bars and sparklines.
    Graph,
    /// A good state.
    Good,
    /// A transitional state.
    Busy,
    /// A bad state.
    Bad,
}

/// A line of text in pieces. Every character is one column wide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(Vec<(Style, String)>);

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The same line with more text at its end.
    #[must_use]
    pub fn and(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    /// A line in one style.
    pub fn of(style: Style, text: impl Into<String>) -> Self {
        Self::new().and(style, text)
    }

    /// The pieces from left to right.
    pub fn spans(&self) -> &[(Style, String)] {
        &self.0
    }

    /// The number of columns that it takes.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The line's first `columns` columns.
    #[must_use]
    pub fn cut(&self, columns: usize) -> Self {
        let mut left = columns;
        let mut spans = Vec::new();
        for (style, text) in &self.0 {
            let piece: String = text.chars().take(left).collect();
            left -= piece.chars().count();
            spans.push((*style, piece));
        }
        Self(spans)
    }

    /// The line, cut or padded to exactly `columns` columns.
    #[must_use]
    pub fn fit(&self, columns: usize) -> Self {
        let filler = columns.saturating_sub(self.width());
        self.cut(columns).and(Style::Plain, " ".repeat(filler))
    }

    /// This line on the left and `right` at the right end of `columns` columns; without `right` if there is no room.
    #[must_use]
    pub fn opposite(self, right: Self, columns: usize) -> Self {
        match columns.checked_sub(self.width() + right.width()) {
            Some(gap) if gap > 0 => Self([self.0, vec![(Style::Plain, " ".repeat(gap))], right.0].concat()),
            _ => self,
        }
    }
}

/// Two blocks side by side, the left one `columns` wide.
pub fn beside(left: &[Line], right: &[Line], columns: usize) -> Vec<Line> {
    let empty = Line::new();
    (0..left.len().max(right.len()))
        .map(|row| {
            let [left, right] = [left, right].map(|block| block.get(row).unwrap_or(&empty));
            Line([left.fit(columns).0, right.0.clone()].concat())
        })
        .collect()
}

/// Small bars of one column each; that of the largest number is full.
pub fn sparkline(numbers: &[i64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = numbers.iter().copied().max().unwrap_or(0).max(1);
    let bar = |number: i64| match usize::try_from((number * 8 - 1).max(0) / most) {
        _ if number <= 0 => ' ',
        Ok(height) => BARS[height.min(BARS.len() - 1)],
        Err(_) => ' ',
    };
    numbers.iter().map(|number| bar(*number)).collect()
}

/// A bar of at most `columns` columns for `part` of `whole`.
pub fn bar(part: i64, whole: i64, columns: usize) -> String {
    let [part, whole] = [part, whole.max(1)].map(|number| usize::try_from(number).unwrap_or(0));
    "█".repeat((part * columns).div_ceil(whole).min(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &Line) -> String {
        line.spans().iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn a_line_is_cut_and_filled_by_columns() {
        let line = Line::of(Style::Bold, "ab").and(Style::Plain, "é▇c");
        for (columns, cut, fit) in [(0, "", ""), (1, "a", "a"), (4, "abé▇", "abé▇"), (7, "abé▇c", "abé▇c  ")]
        {
            assert_eq!((text(&line.cut(columns)), text(&line.fit(columns))), (cut.to_owned(), fit.to_owned()));
        }
    }

    #[test]
    fn blocks_of_different_height_stand_side_by_side() {
        let [left, right] = [vec!["l"], vec!["r1", "r2"]]
            .map(|block| block.iter().map(|text| Line::of(Style::Plain, *text)).collect::<Vec<_>>());
        let both: Vec<_> = beside(&left, &right, 3).iter().map(text).collect();
        assert_eq!(both, ["l  r1", "   r2"]);
    }

    #[test]
    fn what_stands_opposite_gives_way() {
        let line = |columns| text(&Line::of(Style::Plain, "left").opposite(Line::of(Style::Plain, "right"), columns));
        assert_eq!([line(12), line(10), line(9)], ["left   right", "left right", "left"]);
    }

    #[test]
    fn bars_are_as_high_as_their_share() {
        assert_eq!(sparkline(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(sparkline(&[]), "");
        assert_eq!([bar(0, 10, 5), bar(1, 10, 5), bar(10, 10, 5), bar(1, 0, 2)], ["", "█", "█████", "██"]);
    }
}

//! The terminal: taken over while the live screen is shown, and restored however the program ends.

use std::io::{self, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{execute, queue};

use crate::text::{Line, Style};

/// Whether the terminal has been taken over.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal that was taken over. Dropping it restores it.
pub struct Terminal {
    size: (u16, u16),
}

impl Terminal {
    /// Takes over the terminal: raw keys, the alternate screen, no cursor. A panic on any thread restores it before it
    /// prints its message.
    pub fn take() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            tell(panic);
        }));
        let taken = Self { size: (0, 0) };
        execute!(stdout(), EnterAlternateScreen, Hide)?;
        Ok(taken)
    }

    /// The numbers of columns and rows.
    pub fn size(&self) -> io::Result<(usize, usize)> {
        let (columns, rows) = terminal::size()?;
        Ok((columns.into(), rows.into()))
    }

    /// Shows these lines and nothing else.
    pub fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            return Ok(());
        }
        let size = terminal::size()?;
        let mut out = io::BufWriter::new(stdout().lock());
        queue!(out, BeginSynchronizedUpdate)?;
        if std::mem::replace(&mut self.size, size) != size {
            queue!(out, Clear(ClearType::All))?;
        }
        for (row, line) in (0..size.1).zip(lines) {
            queue!(out, MoveTo(0, row))?;
            for (style, text) in line.cut(size.0.into()).spans() {
                paint(&mut out, *style)?;
                queue!(out, Print(text), ResetColor, SetAttribute(Attribute::Reset))?;
            }
            queue!(out, Clear(ClearType::UntilNewLine))?;
        }
        if lines.len() < usize::from(size.1) {
            queue!(out, MoveTo(0, u16::try_from(lines.len()).unwrap_or(0)), Clear(ClearType::FromCursorDown))?;
        }
        queue!(out, EndSynchronizedUpdate)?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Restores the terminal if it was taken over. If it can no longer be written to, it cannot be restored either.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stdout(), EndSynchronizedUpdate, Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

/// Sets the style's colours, unless `NO_COLOR` is set.
fn paint(out: &mut impl Write, style: Style) -> io::Result<()> {
    match style {
        Style::Plain => Ok(()),
        Style::Dim => queue!(out, SetForegroundColor(Color::DarkGrey)),
        Style::Bold => queue!(out, SetAttribute(Attribute::Bold)),
        Style::Title => queue!(out, SetAttribute(Attribute::Bold), SetForegroundColor(Color::Cyan)),
        Style::Badge => queue!(out, SetAttribute(Attribute::Bold), SetAttribute(Attribute::Reverse)),
        Style::Graph => queue!(out, SetForegroundColor(Color::Blue)),
        Style::Good => queue!(out, SetForegroundColor(Color::Green)),
        Style::Busy => queue!(out, SetForegroundColor(Color::Yellow)),
        Style::Bad => queue!(out, SetAttribute(Attribute::Bold), SetForegroundColor(Color::Red)),
    }
}

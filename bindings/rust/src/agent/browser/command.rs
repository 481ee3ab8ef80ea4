//! Which programs may open a page, and with which arguments?

/// A program and its arguments: handed to the operating system as they are, never to a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
}

impl Line {
    fn new(program: &str, arguments: &[&str]) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.iter().map(|&argument| argument.into()).collect(),
        }
    }
}

/// What `BROWSER` names.
pub(super) fn chosen(browser: &str, url: &str) -> Vec<Line> {
    let separator = if cfg!(windows) { ';' } else { ':' };
    browser
        .split(separator)
        .filter_map(|alternative| line(alternative, url))
        .collect()
}

fn line(alternative: &str, url: &str) -> Option<Line> {
    let mut words = alternative.split_ascii_whitespace();
    let program = words.next()?.to_owned();
    let mut placed = false;
    let mut arguments: Vec<String> = words
        .map(|word| {
            placed |= word.contains("%s");
            word.replace("%s", url)
        })
        .collect();
    if !placed {
        arguments.push(url.into());
    }
    Some(Line { program, arguments })
}

/// The platform's own. On Windows it is no program but a call.
pub(super) fn platform(url: &str) -> Vec<Line> {
    if cfg!(target_os = "macos") {
        vec![Line::new("/usr/bin/open", &[url])]
    } else if cfg!(unix) {
        vec![
            Line::new("xdg-open", &[url]),
            Line::new("gio", &["open", url]),
            // On Linux within Windows.
            Line::new("wslview", &[url]),
        ]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://as.example.com/authorize?a=1&state=x;y";

    #[test]
    fn the_environment_names_alternatives_with_arguments() {
        let lines = chosen(
            "firefox --new-window:  lynx  :: open-it --url=%s --quiet",
            URL,
        );
        let expected = [
            Line::new("firefox", &["--new-window", URL]),
            Line::new("lynx", &[URL]),
            Line::new("open-it", &[&format!("--url={URL}"), "--quiet"]),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_a_shell_would_read_is_an_argument_like_any_other() {
        let lines = chosen("sh-like $(id) ;rm", URL);
        assert_eq!(lines, [Line::new("sh-like", &["$(id)", ";rm", URL])]);
        assert_eq!(chosen("", URL), []);
        assert_eq!(chosen(" : ", URL), []);
    }
}

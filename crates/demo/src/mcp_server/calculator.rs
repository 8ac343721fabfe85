//! Arithmetic: numbers, `+ - * / % ^`, parentheses.

use std::iter::Peekable;

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 64;

/// Works an expression out.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(crate) fn evaluate(expression: &str) -> Result<f64, String> {
    let tokens = tokens(expression)?;
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        depth: 0,
    };
    let value = parser.sum()?;
    match parser.tokens.next() {
        Some(token) => Err(format!("{} is not expected there", token.text())),
        None if value.is_finite() => Ok(value),
        None => Err("the result is not a finite number".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Number(f64),
    Sign(char),
}

impl Token {
    fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Sign(sign) => format!("\"{sign}\""),
        }
    }
}

fn tokens(expression: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = expression.chars().peekable();
    while let Some(&c) = rest.peek() {
        if c.is_whitespace() {
            rest.next();
        } else if c.is_ascii_digit() || c == '.' {
            let mut number = String::new();
            while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || *c == '.') {
                number.push(c);
            }
            let value = number
                .parse()
                .map_err(|_| format!("{number:?} is not a number"))?;
            tokens.push(Token::Number(value));
        } else {
            let sign = match c {
                '×' | '·' => '*',
                '÷' => '/',
                '−' => '-',
                '+' | '-' | '*' | '/' | '%' | '^' | '(' | ')' => c,
                other => return Err(format!("\"{other}\" is not arithmetic")),
            };
            tokens.push(Token::Sign(sign));
            rest.next();
        }
    }
    Ok(tokens)
}

struct Parser<I: Iterator<Item = Token>> {
    tokens: Peekable<I>,
    depth: usize,
}

impl<I: Iterator<Item = Token>> Parser<I> {
    fn take(&mut self, signs: &[char]) -> Option<char> {
        match self.tokens.peek() {
            Some(&Token::Sign(sign)) if signs.contains(&sign) => {
                self.tokens.next();
                Some(sign)
            }
            _ => None,
        }
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        while let Some(sign) = self.take(&['+', '-']) {
            let right = self.product()?;
            value = if sign == '+' {
                value + right
            } else {
                value - right
            };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.power()?;
        while let Some(sign) = self.take(&['*', '/', '%']) {
            let right = self.power()?;
            if sign != '*' && right == 0.0 {
                return Err("division by zero".to_owned());
            }
            value = match sign {
                '*' => value * right,
                '/' => value / right,
                _ => value % right,
            };
        }
        Ok(value)
    }

    fn power(&mut self) -> Result<f64, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the expression is nested too deeply".to_owned());
        }
        let value = match self.tokens.next() {
            Some(Token::Sign('-')) => -self.power()?,
            Some(Token::Sign('+')) => self.power()?,
            Some(Token::Sign('(')) => {
                let value = self.sum()?;
                self.take(&[')'])
                    .ok_or("a closing parenthesis is missing")?;
                self.raised(value)?
            }
            Some(Token::Number(number)) => self.raised(number)?,
            Some(token) => return Err(format!("{} is not expected there", token.text())),
            None => return Err("something is missing at the end".to_owned()),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn raised(&mut self, base: f64) -> Result<f64, String> {
        match self.take(&['^']) {
            Some(_) => Ok(base.powf(self.power()?)),
            None => Ok(base),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::evaluate;

    #[test]
    fn precedence_signs_and_parentheses() {
        for (expression, value) in [
            ("12*7", 84.0),
            ("2 + 3 * 4", 14.0),
            ("(2 + 3) × 4", 20.0),
            ("2^3^2", 512.0),
            ("-2^2", -4.0),
            ("10 % 4 - .5", 1.5),
        ] {
            assert_eq!(evaluate(expression), Ok(value), "{expression}");
        }
    }

    #[test]
    fn mistakes_are_explained() {
        for (expression, reason) in [
            ("", "something is missing at the end"),
            ("1 / 0", "division by zero"),
            ("2 +", "something is missing at the end"),
            ("(1", "a closing parenthesis is missing"),
            ("1 2", "2 is not expected there"),
            ("1.2.3", "\"1.2.3\" is not a number"),
            ("rm -rf", "\"r\" is not arithmetic"),
            ("9^9^9", "the result is not a finite number"),
        ] {
            assert_eq!(evaluate(expression), Err(reason.to_owned()), "{expression}");
        }
        assert!(evaluate(&"(".repeat(100_000)).is_err());
        assert!(evaluate(&"-".repeat(100_000)).is_err());
    }
}

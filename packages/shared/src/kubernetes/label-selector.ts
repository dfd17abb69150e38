// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '../address/parsed.ts';
import { labelKeyProblems, labelValueProblems } from './label-selector-syntax.ts';

/** Chooses objects by their labels. */
export interface LabelSelector {
  /** As written. */
  readonly text: string;
  /** Whether an object with these labels is selected. */
  matches(labels: Readonly<Record<string, string>>): boolean;
}

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

type Token = { readonly kind: 'word' | 'operator' | 'end'; readonly text: string };

const OPERATORS = ['!=', '==', '=', '!', '(', ')', ',', '>', '<'] as const;
const WORD = /[^\s!=(),<>]+/y;
const EXPECTED = 'in, notin, =, ==, !=, gt, lt';

/**
 * Reads a label selector as the API server does: equality (`a=b,c!=d,!e,f`) and set based (`a in (b,c)`, `a notin (b)`,
 * `n>3`). An empty one selects everything. Problems are told in the API server's own words.
 */
export function parseLabelSelector(text: string): Parsed<LabelSelector> {
  const tokens = tokenize(text);
  if (tokens[0]?.kind === 'end') return parsed({ text, matches: () => true });
  try {
    const requirements = new SelectorParser(tokens).parse();
    return parsed({ text, matches: (labels) => requirements.every((requirement) => requirement(labels)) });
  } catch (error) {
    if (error instanceof Misfit) return unparsable(error.message);
    throw error;
  }
}

/** What leaves the parser early; never the module. */
class Misfit extends Error {}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let index = 0;
  while (index < text.length) {
    if (/\s/.test(text.charAt(index))) {
      index += 1;
      continue;
    }
    const operator = OPERATORS.find((candidate) => text.startsWith(candidate, index));
    if (operator !== undefined) {
      tokens.push({ kind: 'operator', text: operator });
      index += operator.length;
      continue;
    }
    WORD.lastIndex = index;
    const word = WORD.exec(text)?.[0] ?? '';
    tokens.push({ kind: 'word', text: word });
    index += word.length;
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

class SelectorParser {
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Requirement[] {
    this.#expectStart("!, identifier, or 'end of string'");
    const result = [this.#requirement()];
    while (this.#isOperator(',')) {
      this.#next();
      if (this.#peek().kind === 'end') break;
      this.#expectStart("identifier after ','");
      result.push(this.#requirement());
    }
    const rest = this.#peek();
    if (rest.kind !== 'end') throw malformed(`found '${rest.text}', expected: ',' or 'end of string'`);
    return result;
  }

  #expectStart(expected: string): void {
    const { kind, text } = this.#peek();
    if (kind !== 'word' && text !== '!') throw new Misfit(`found '${text}', expected: ${expected}`);
  }

  #requirement(): Requirement {
    if (this.#isOperator('!')) {
      this.#next();
      const absent = this.#key();
      return (labels) => labels[absent] === undefined;
    }
    const key = this.#key();
    const operator = this.#peek();
    if (operator.kind === 'end' || operator.text === ',') return (labels) => labels[key] !== undefined;
    this.#next();
    switch (operator.text) {
      case '=':
      case '==': {
        const value = validValue(key, this.#value());
        return (labels) => labels[key] === value;
      }
      case '!=': {
        const value = validValue(key, this.#value());
        return (labels) => labels[key] !== value;
      }
      case 'in': {
        const values = this.#values(key);
        return (labels) => values.has(labels[key] ?? '\0');
      }
      case 'notin': {
        const values = this.#values(key);
        return (labels) => !values.has(labels[key] ?? '\0');
      }
      case '>':
      case '<':
        return this.#comparison(key, operator.text);
      default:
        throw malformed(`found '${operator.text}', expected: ${EXPECTED}`);
    }
  }

  #comparison(key: string, operator: '>' | '<'): Requirement {
    const bound = this.#word('integer');
    if (!/^-?\d+$/.test(bound)) {
      throw malformed(
        `values[0]: Invalid value: "${bound}": for 'Gt', 'Lt' operators, the value must be an integer`,
      );
    }
    return (labels) => {
      const value = labels[key];
      if (value === undefined || !/^-?\d+$/.test(value)) return false;
      return operator === '>' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
    };
  }

  /** The right side of an equality may be empty. */
  #value(): string {
    return this.#peek().kind === 'word' ? this.#next().text : '';
  }

  #values(key: string): Set<string> {
    if (!this.#isOperator('(')) throw malformed(`found '${this.#peek().text}' expected: '('`);
    this.#next();
    const values = new Set<string>();
    if (this.#isOperator(')')) values.add('');
    while (!this.#isOperator(')')) {
      values.add(validValue(key, this.#value()));
      if (this.#isOperator(',')) this.#next();
      else if (!this.#isOperator(')')) throw malformed(`found '${this.#peek().text}', expected: ',' or ')'`);
    }
    this.#next();
    return values;
  }

  #isOperator(text: string): boolean {
    const token = this.#peek();
    return token.kind === 'operator' && token.text === text;
  }

  #key(): string {
    const key = this.#word('!, identifier');
    const [problem] = labelKeyProblems(key);
    if (problem !== undefined) throw malformed(`<nil>: Invalid value: ${JSON.stringify(key)}: ${problem}`);
    return key;
  }

  #word(expected: string): string {
    const token = this.#next();
    if (token.kind !== 'word') throw malformed(`found '${token.text}', expected: ${expected}`);
    return token.text;
  }

  #peek(): Token {
    return this.#tokens[this.#index] ?? { kind: 'end', text: '' };
  }

  #next(): Token {
    const token = this.#peek();
    this.#index += 1;
    return token;
  }
}

function validValue(key: string, value: string): string {
  const [problem] = labelValueProblems(value);
  if (problem === undefined) return value;
  throw malformed(`values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${problem}`);
}

function malformed(why: string): Misfit {
  return new Misfit(`unable to parse requirement: ${why}`);
}

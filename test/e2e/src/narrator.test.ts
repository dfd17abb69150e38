// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Narrator, shellQuote } from './narrator.ts';

function record(isTTY: boolean): {
  output: { isTTY: boolean; write(text: string): void };
  text: () => string;
} {
  let written = '';
  return {
    output: {
      isTTY,
      write: (text) => {
        written += text;
      },
    },
    text: () => written,
  };
}

describe('Narrator', () => {
  it('writes no escape sequence where the output is not a terminal', async () => {
    const { output, text } = record(false);
    const narrator = new Narrator(output);
    narrator.chapter('One');
    narrator.command('kubectl get svc');
    narrator.answer('NAME\nkubernetes\n');
    narrator.verdict(false, 'two owners');
    await narrator.waiting('for an address', Promise.resolve());
    expect(text()).not.toContain('\u001b');
    expect(text()).toContain('  kubernetes\n');
    expect(text()).toContain('NOT OK  two owners');
    expect(text()).toContain('... for an address');
  });

  it('removes its progress line from a terminal and passes the result through', async () => {
    const { output, text } = record(true);
    expect(await new Narrator(output).waiting('for pods', Promise.resolve(7))).toBe(7);
    expect(text().endsWith('\r\u001b[2K')).toBe(true);
  });

  it('respects NO_COLOR', () => {
    const { output, text } = record(true);
    new Narrator(output, { NO_COLOR: '1' }).chapter('One');
    expect(text()).not.toContain('\u001b');
  });
});

describe('shellQuote', () => {
  it('quotes only what a shell would split or expand', () => {
    expect(shellQuote(['kubectl', 'get', '-o', "jsonpath={.items[*]['a b']}"])).toBe(
      `kubectl get -o 'jsonpath={.items[*]['\\''a b'\\'']}'`,
    );
    expect(shellQuote(['--from-literal', 'range-global=172.18.0.200-172.18.0.220'])).toBe(
      '--from-literal range-global=172.18.0.200-172.18.0.220',
    );
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { waitFor } from './wait.ts';

describe('waitFor', () => {
  it('gives what the condition gives, once it is something', async () => {
    let looks = 0;
    const look = () => {
      looks += 1;
      return looks >= 3 ? 'here' : undefined;
    };
    expect(await waitFor(look, { what: 'it', intervalMs: 1 })).toBe('here');
    expect(looks).toBe(3);
  });

  it('says what it waited for, what it saw last, and the details', async () => {
    const waiting = waitFor(() => Promise.reject(new Error('connection refused')), {
      what: 'the server',
      timeoutMs: 5,
      intervalMs: 1,
      details: () => 'its log',
    });
    await expect(waiting).rejects.toThrow(
      'waited 5 ms for the server; the last look failed: connection refused\nits log',
    );
  });

  it('gives up at once on errors that will not go away', async () => {
    const waiting = waitFor(() => Promise.reject(new TypeError('no')), {
      what: 'it',
      giveUpOn: (error) => error instanceof TypeError,
    });
    await expect(waiting).rejects.toThrow(/^no$/);
  });
});

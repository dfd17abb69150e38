// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { ProxyListener } from './listener.ts';
import type { ListenerStats } from './plane.ts';
import { TargetBook } from './target-book.ts';
import { WaitingLine } from './waiting-line.ts';

/** What the connections of one listener share. */
export class ListenerState {
  readonly clock: Clock;
  readonly book: TargetBook;
  /** Those for whom no target has room. */
  readonly line: WaitingLine;
  #listener: ProxyListener;
  /** Connections, flows or requests now. */
  open = 0;
  /** See {@link ListenerStats.refused}. */
  refused = 0;
  bytesIn = 0;
  bytesOut = 0;

  constructor(listener: ProxyListener, clock: Clock) {
    this.#listener = listener;
    this.clock = clock;
    this.book = new TargetBook(listener);
    this.line = new WaitingLine(clock);
  }

  /** As it was last told. */
  get listener(): ProxyListener {
    return this.#listener;
  }

  /** Takes over what holds from now on. */
  update(listener: ProxyListener): void {
    this.#listener = listener;
    this.book.update(listener);
    // There may be more room now; whoever finds none joins again.
    for (let left = this.line.length; left > 0; left -= 1) this.line.next();
  }

  /** A connection to a target is over. */
  targetClosed(id: string, client: string): void {
    this.book.closed(id, client, this.clock.monotonicMs());
    this.line.next();
  }

  stats(): ListenerStats {
    const { service } = this.#listener;
    const { refused, open, bytesIn, bytesOut } = this;
    return { service, refused, open, bytesIn, bytesOut, targets: this.book.stats(this.clock.monotonicMs()) };
  }
}

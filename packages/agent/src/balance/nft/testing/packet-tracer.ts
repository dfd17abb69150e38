// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import type { Protocol } from '../../../services/served-service.ts';
import { jenkinsHash, scaleHash } from '../../model/jenkins-hash.ts';
import type { Change, Destination, Field, Hook, Match, Selector, Verdict, VerdictSlots } from '../ruleset.ts';
import { keyText, type TracedRule, TracedTable } from './traced-table.ts';

/** The first packet of a connection from a client. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** A connection that the kernel knows. */
export interface Connection {
  readonly packet: Packet;
  /** Where its packets go: the back end, or the packet's own destination when nobody has rewritten it. */
  readonly destination: Destination;
  /** The back end sees this node instead of the client. */
  readonly isMasqueraded: boolean;
}

/** What becomes of a first packet: a connection, or an answer that there is none. */
export type Outcome = Connection | 'refused';

type End = { readonly to: Destination } | 'masqueraded' | 'rejected' | 'over';
/** A packet on its way, as far as its connection is known. */
type Subject = Pick<Connection, 'packet'> & { readonly destination?: Destination };

/**
 * Walks packets through rules as the kernel would: chains by hook and priority, `goto` and `jump`, turns, hashes, and sets that
 * learn. It takes the same changes that are printed for `nft`, and refuses those that the kernel would refuse.
 */
export class PacketTracer {
  readonly #tables = new Map<string, TracedTable>();
  #nowMs = 0;

  /** One transaction. @throws Error when the kernel would refuse it */
  apply(changes: readonly Change[]): void {
    for (const change of changes) this.#apply(change);
  }

  /** Time goes on. */
  wait(seconds: number): void {
    this.#nowMs += seconds * 1_000;
  }

  /** A client's first packet, to an address that is on this node. */
  connect(packet: Packet): Outcome {
    const rewritten = this.#walk('nat', 'prerouting', { packet });
    if (typeof rewritten === 'string') {
      const isRefused = this.#walk('filter', 'input', { packet }) === 'rejected';
      const destination = { address: packet.to, port: packet.port };
      return isRefused ? 'refused' : { packet, destination, isMasqueraded: false };
    }
    const subject = { packet, destination: rewritten.to };
    if (this.#walk('filter', 'forward', subject) === 'rejected') return 'refused';
    return { ...subject, isMasqueraded: this.#walk('nat', 'postrouting', subject) === 'masqueraded' };
  }

  /** A later packet of a connection, from either end. */
  goOn(connection: Connection): 'passed' | 'reset' {
    return this.#walk('filter', 'forward', connection) === 'rejected' ? 'reset' : 'passed';
  }

  /** Sets, chains and rules of all tables. */
  dump(): unknown {
    return [...this.#tables].map(([name, table]) => [name, table.dump()]);
  }

  #apply(change: Change): void {
    const name = `${change.table.family} ${change.table.name}`;
    if (change.do === 'replaceTable') {
      this.#tables.set(name, new TracedTable());
      return;
    }
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`table ${name} is not there`);
    switch (change.do) {
      case 'addSet':
      case 'deleteSet':
        table[change.do](change.set);
        break;
      case 'addChain':
      case 'flushChain':
      case 'deleteChain':
        table[change.do](change.chain);
        break;
      case 'addRule':
        table.addRule(change.chain, change.rule);
        break;
      case 'addElements':
        for (const element of change.elements) table.addElement(element);
        break;
      case 'deleteElements':
        for (const element of change.elements) table.deleteElement(element);
        break;
    }
  }

  #walk(type: Hook['type'], at: Hook['at'], subject: Subject): End {
    const family = subject.packet.to.includes(':') ? 'ip6' : 'ip';
    const bases = [...this.#tables]
      .filter(([name]) => name.startsWith(`${family} `))
      .flatMap(([, table]) => [...table.chains.values()].map(({ definition }) => ({ table, definition })))
      .filter(({ definition: { hook } }) => hook?.type === type && hook.at === at)
      .sort((a, b) => (a.definition.hook?.priority ?? 0) - (b.definition.hook?.priority ?? 0));
    for (const { table, definition } of bases) {
      const end = new Walk(table, subject, this.#nowMs).through(definition.name);
      if (end !== undefined && end !== 'over') return end;
    }
    return 'over';
  }
}

const FRONTEND: readonly Field[] = ['destinationAddress', 'destinationPort'];

/** One packet in one table. */
class Walk {
  readonly #table: TracedTable;
  readonly #subject: Subject;
  readonly #nowMs: number;

  constructor(table: TracedTable, subject: Subject, nowMs: number) {
    this.#table = table;
    this.#subject = subject;
    this.#nowMs = nowMs;
  }

  /** Undefined: the chain ended without a decision, and whoever jumped here goes on. */
  through(chain: string): End | undefined {
    for (const rule of this.#table.chain(chain).rules) {
      if (!rule.rule.matches.every((match) => this.#holds(match))) continue;
      const end = this.#do(rule);
      if (end !== undefined) return end;
    }
    return undefined;
  }

  #do(traced: TracedRule): End | undefined {
    const { statement } = traced.rule;
    switch (statement.kind) {
      case 'dnat':
        return { to: statement.to };
      case 'spread': {
        const slot = this.#select(statement.by, traced);
        const key = this.#key(FRONTEND);
        const to = this.#table.set(statement.map).elements.get(`${key} . ${slot}`);
        return to === undefined || 'goto' in to ? undefined : { to };
      }
      case 'dispatch':
        return this.#goto(this.#slot(statement.over, this.#select(statement.by, traced)));
      case 'lookUp':
        return this.#goto(this.#table.set(statement.map).elements.get(this.#key(statement.key)));
      case 'goto':
        return this.#goto({ goto: statement.chain });
      case 'jump':
        return this.through(statement.chain);
      case 'remember':
        this.#remember(statement.in, statement.seconds);
        return undefined;
      case 'masquerade':
        return 'masqueraded';
      case 'reject':
        return 'rejected';
    }
  }

  #goto(verdict: Destination | Verdict | undefined): End | undefined {
    if (verdict === undefined || !('goto' in verdict)) return undefined;
    return this.through(verdict.goto) ?? 'over';
  }

  #slot(slots: VerdictSlots, slot: number): Destination | Verdict | undefined {
    return 'inMap' in slots ? this.#table.set(slots.inMap).elements.get(String(slot)) : slots[slot];
  }

  #select(selector: Selector, traced: TracedRule): number {
    if (selector.kind === 'turn') return traced.turns++ % selector.size;
    return scaleHash(jenkinsHash(bytesOf(this.#subject.packet.from), selector.seed), selector.size);
  }

  #remember(set: string, seconds: number): void {
    const { clients, definition } = this.#table.set(set);
    const size = definition.kind === 'clients' ? definition.size : 0;
    if (clients.size < size) clients.set(this.#subject.packet.from, this.#nowMs + seconds * 1_000);
  }

  #holds(match: Match): boolean {
    switch (match.kind) {
      case 'protocol':
        return this.#subject.packet.protocol === match.protocol;
      case 'rewritten':
        return this.#subject.destination !== undefined;
      case 'noReset':
        return true;
      case 'member': {
        const { elements, clients } = this.#table.set(match.of);
        const key = this.#key(match.key);
        const isMember = elements.has(key) || (clients.get(key) ?? 0) > this.#nowMs;
        return isMember !== (match.isNegated ?? false);
      }
    }
  }

  #key(fields: readonly Field[]): string {
    return keyText(fields.map((field) => this.#field(field)));
  }

  #field(field: Field): string | number {
    const { packet, destination } = this.#subject;
    const now = destination ?? { address: packet.to, port: packet.port };
    switch (field) {
      case 'sourceAddress':
        return packet.from;
      case 'protocol':
        return packet.protocol;
      case 'originalAddress':
        return packet.to;
      case 'originalPort':
        return packet.port;
      case 'destinationAddress':
      case 'replyAddress':
        return now.address;
      case 'destinationPort':
      case 'replyPort':
        return now.port;
    }
  }
}

/** As it stands in a packet. */
function bytesOf(text: string): Uint8Array {
  const address = addressOf(text);
  if (address === undefined) throw new TypeError(`"${text}" is not an address`);
  const length = address.family === 4 ? 8 : 32;
  return Buffer.from(address.value.toString(16).padStart(length, '0'), 'hex');
}

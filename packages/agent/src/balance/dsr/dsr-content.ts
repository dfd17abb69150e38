// SPDX-License-Identifier: Apache-2.0
/**
 * What the tables of direct return have beside their frames, found from one model to the next: who changes one of ten thousand
 * front ends does not look into the others.
 */
import type { NftTable } from '../../system/nft.ts';
import { type BalanceModel, type Frontend, NOTHING_TO_BALANCE } from '../model/frontend.ts';
import { DSR_SETS, INGRESS_TABLE, LOCAL_TABLES } from './dsr-tables.ts';
import { type FlowRule, flowRuleOf, forwardingLines, rescueLines } from './flow-rules.ts';

/** A chain that front ends share. Its name says all that it depends on. */
export interface HopChain {
  readonly table: NftTable;
  readonly name: string;
  readonly lines: readonly string[];
}

/** An element of a set or map: `table set`, the key, and ` : what it leads to`, empty in a set. */
export interface Member {
  readonly set: string;
  readonly key: string;
  readonly target: string;
}

/** What one front end has in the tables. */
export interface FrontendShare {
  /** `name index` of the link. */
  readonly link: string;
  readonly linkName: string;
  readonly members: readonly Member[];
  readonly chains: readonly HopChain[];
}

/** What front ends have in common, with how many of them have it. */
export interface DsrContent {
  /** `name index` -> name. */
  readonly links: ReadonlyMap<string, Shared<string>>;
  /** `table chain` -> chain. */
  readonly chains: ReadonlyMap<string, Shared<HopChain>>;
}

interface Shared<T> {
  readonly value: T;
  readonly users: number;
}

/** Shares of a front end in two models that differ; undefined: none. */
export type ShareMove = readonly [old: FrontendShare | undefined, next: FrontendShare | undefined];

/** `family table`, as scripts have it. */
export function where({ family, name }: NftTable): string {
  return `${family} ${name}`;
}

/** The front ends that differ between two models, without those that need nothing in either. */
export function movesBetween(before: BalanceModel, after: BalanceModel): readonly ShareMove[] {
  const moves: ShareMove[] = [];
  const add = (old: Frontend | undefined, next: Frontend | undefined) => {
    if (old?.direct === undefined && next?.direct === undefined) return;
    moves.push([shareOf(old), shareOf(next)]);
  };
  for (const [id, next] of after.frontends) {
    const old = before.frontends.get(id);
    if (old !== next) add(old, next);
  }
  for (const [id, old] of before.frontends) if (!after.frontends.has(id)) add(old, undefined);
  return moves;
}

/** Models never change in place, and the one that was applied is asked for again with the next. */
const contents = new WeakMap<BalanceModel, DsrContent>();
let latest = NOTHING_TO_BALANCE;

/** What is in the tables with this model. */
export function contentOf(model: BalanceModel): DsrContent {
  const known = contents.get(model);
  if (known !== undefined) return known;
  const base = contents.get(latest) ?? { links: new Map(), chains: new Map() };
  const [links, chains] = [new Map(base.links), new Map(base.chains)];
  for (const [old, next] of movesBetween(contents.has(latest) ? latest : NOTHING_TO_BALANCE, model)) {
    for (const [share, by] of [
      [next, 1],
      [old, -1],
    ] as const) {
      if (share === undefined) continue;
      count(links, share.link, share.linkName, by);
      for (const chain of share.chains) count(chains, `${where(chain.table)} ${chain.name}`, chain, by);
    }
  }
  const content = { links, chains };
  contents.set(model, content);
  latest = model;
  forgetChains(content);
  return content;
}

function count<T>(all: Map<string, Shared<T>>, key: string, value: T, by: 1 | -1): void {
  const users = (all.get(key)?.users ?? 0) + by;
  if (users === 0) all.delete(key);
  else all.set(key, { value: all.get(key)?.value ?? value, users });
}

const shares = new WeakMap<Frontend, FrontendShare>();

function shareOf(frontend: Frontend | undefined): FrontendShare | undefined {
  if (frontend?.direct === undefined) return undefined;
  const known = shares.get(frontend);
  if (known !== undefined) return known;
  const { direct, masquerade, family, address, protocol, port } = frontend;
  const key = `${address} . ${protocol} . ${port}`;
  const members: Member[] = [];
  const chains: HopChain[] = [];
  const lead = (table: NftTable, set: string, rule: FlowRule, linesOf: typeof forwardingLines) => {
    const chain = chainOf(table, rule, linesOf);
    if (chain === undefined) return;
    chains.push(chain);
    members.push({ set: `${where(table)} ${set}`, key, target: ` : goto ${chain.name}` });
  };
  const local = LOCAL_TABLES[family];
  if (!masquerade) members.push({ set: `${where(local)} ${DSR_SETS.kept}`, key, target: '' });
  const rule = flowRuleOf(frontend);
  if (rule !== undefined) {
    lead(INGRESS_TABLE, DSR_SETS.forwarded[family], rule, forwardingLines);
    if (protocol === 'tcp') lead(local, DSR_SETS.rescued, rule, rescueLines);
  }
  const share = { link: `${direct.link} ${direct.linkIndex}`, linkName: direct.link, members, chains };
  shares.set(frontend, share);
  return share;
}

/** `table chain` -> chain, undefined where it would be empty. Slots take milliseconds, and hops are seldom new. */
const knownChains = new Map<string, HopChain | undefined>();
/** So many more than there are in use are remembered. */
const SPARE_CHAINS = 64;

function chainOf(
  table: NftTable,
  rule: FlowRule,
  linesOf: (rule: FlowRule) => readonly string[] | undefined,
): HopChain | undefined {
  const { name } = rule;
  const key = `${where(table)} ${name}`;
  if (!knownChains.has(key)) {
    const lines = linesOf(rule);
    knownChains.set(key, lines && { table, name, lines });
  }
  return knownChains.get(key);
}

function forgetChains({ chains }: DsrContent): void {
  if (knownChains.size <= chains.size + SPARE_CHAINS) return;
  for (const key of knownChains.keys()) if (!chains.has(key)) knownChains.delete(key);
}

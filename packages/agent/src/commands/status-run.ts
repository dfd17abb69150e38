// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import { parseInteger } from '@fairlead/shared/runtime/parse-values.ts';
import {
  askStatus,
  STATUS_SOCKET,
  type StatusTarget,
  StatusUnavailableError,
} from '../status/status-socket.ts';
import { statusTable } from '../status/status-table.ts';

/** Flags of `agent status`, as text. */
export interface StatusFlags {
  readonly json?: boolean;
  readonly node?: string;
  readonly server?: string;
  readonly port: string;
  readonly kubeconfig?: string;
  readonly timeout: string;
}

/** What {@link runStatus} needs. */
export interface StatusRun {
  readonly flags: StatusFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly complain: (text: string) => void;
  /** For tests: the socket of this node. */
  readonly socket?: string;
}

/** Exit codes, documented. */
const WELL = 0;
const NOT_WELL = 1;
const NOT_ASKED = 2;

/** Asks, prints, and resolves with the exit code. */
export async function runStatus({ flags, env, write, complain, socket }: StatusRun): Promise<number> {
  try {
    const timeoutMs = 1_000 * numberOf('--timeout', flags.timeout, 600);
    const report = await askStatus(await targetOf(flags, env, timeoutMs, socket), timeoutMs);
    write(flags.json === true ? `${JSON.stringify(report, undefined, 2)}\n` : statusTable(report));
    return report.well ? WELL : NOT_WELL;
  } catch (error) {
    if (!(error instanceof StatusUnavailableError)) throw error;
    complain(`${error.message}\n`);
    return NOT_ASKED;
  }
}

function numberOf(flag: string, text: string, max: number): number {
  const number = parseInteger(text, { min: 1, max });
  if (!number.ok) throw new StatusUnavailableError(`${flag} is "${text}"; expected ${number.problem}`);
  return number.value;
}

async function targetOf(
  { node, server, port, kubeconfig }: StatusFlags,
  env: StatusRun['env'],
  timeoutMs: number,
  socket = STATUS_SOCKET,
): Promise<StatusTarget> {
  if (server !== undefined) {
    const url = URL.parse(server.includes('://') ? server : `http://${server}`);
    if (url !== null && /^https?:$/.test(url.protocol)) return { url: url.href };
    throw new StatusUnavailableError(`--server is "${server}"; expected a URL such as http://192.0.2.1:2112`);
  }
  if (node === undefined) return { socket };
  const portNumber = numberOf('--port', port, 65_535);
  const host = hostOf(await findNode(node, kubeconfig, env, timeoutMs));
  if (host === undefined) throw new StatusUnavailableError(`node ${node} has no InternalIP in its status`);
  return { url: `http://${host}:${portNumber}` };
}

async function findNode(
  name: string,
  kubeconfig: string | undefined,
  env: StatusRun['env'],
  requestTimeoutMs: number,
): Promise<Node> {
  // Only this way of asking needs an API client.
  const { connect } = await import('@fairlead/shared/kubernetes/connect.ts');
  const { NODES } = await import('@fairlead/shared/kubernetes/resources.ts');
  const file = kubeconfig ?? (env.k8s_config_file || undefined);
  const inCluster = file === undefined && Boolean(env.KUBERNETES_SERVICE_HOST);
  try {
    const client = await connect({
      ...(file === undefined ? {} : { kubeconfig: file }),
      inCluster,
      requestTimeoutMs,
    });
    try {
      return await client.get(NODES, { name });
    } finally {
      client.close();
    }
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new StatusUnavailableError(`node ${name} cannot be looked up: ${words}`);
  }
}

function hostOf(node: Node): string | undefined {
  const entry = (node.status?.addresses ?? []).find(({ type }) => type === 'InternalIP');
  const address = addressOf(entry?.address ?? '');
  if (address === undefined || entry === undefined) return undefined;
  return address.family === 6 ? `[${entry.address}]` : entry.address;
}

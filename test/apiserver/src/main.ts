// SPDX-License-Identifier: Apache-2.0
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { AuditLog } from './audit-log.ts';
import { parseTokenFile } from './auth/user.ts';
import { type ApiServerOptions, createApiServer } from './server.ts';

const USAGE = `Usage: node main.ts [options]
  --host ADDRESS                   address to listen on (127.0.0.1)
  --port NUMBER                    port; 0 picks a free one (6443)
  --advertise-address ADDRESS      address clients are told
  --host-name NAME                 further name or address for the certificate (repeatable)
  --pki-dir FOLDER                 keys and certificates; made when missing
  --token-file FILE                lines of token,user,uid,"group1,group2"
  --kubeconfig FILE                write a kubeconfig for the first user of the token file
  --service-cluster-ip-range CIDRS one or two ranges, comma separated (10.96.0.0/16,fd00:10:96::/112)
  --service-node-port-range RANGE  first-last (30000-32767)
  --authorization-mode MODE        RBAC or AlwaysAllow (RBAC)
  --history-max-changes NUMBER     changes kept per resource before they are compacted
  --history-max-age-ms NUMBER      age at which changes are compacted
  --audit-log-path FILE            append a line per answered request, as kube-apiserver's audit log
  --fault-seed NUMBER              seed of fault injection (1)
  --exit-with-stdin                stop when standard input ends: the parent is gone
Prints one JSON line {"ready":true,"url":...} when it serves. SIGTERM and SIGINT stop it.`;

const OPTIONS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'advertise-address': { type: 'string' },
  'host-name': { type: 'string', multiple: true },
  'pki-dir': { type: 'string' },
  'token-file': { type: 'string' },
  kubeconfig: { type: 'string' },
  'service-cluster-ip-range': { type: 'string' },
  'service-node-port-range': { type: 'string' },
  'authorization-mode': { type: 'string' },
  'history-max-changes': { type: 'string' },
  'history-max-age-ms': { type: 'string' },
  'audit-log-path': { type: 'string' },
  'fault-seed': { type: 'string' },
  'exit-with-stdin': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Flags = ReturnType<typeof parseFlags>;

function parseFlags(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
}

function wholeNumber(flags: Flags, name: keyof typeof OPTIONS): number | undefined {
  const text = flags[name];
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || !/^\d+$/.test(text)) {
    throw new Error(`--${name}: expected a whole number, got ${JSON.stringify(text)}`);
  }
  return Number(text);
}

function nodePorts(text: string | undefined): readonly [number, number] | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)-(\d+)$/.exec(text);
  if (!match) throw new Error(`--service-node-port-range: expected FIRST-LAST, got ${JSON.stringify(text)}`);
  return [Number(match[1]), Number(match[2])];
}

function authorization(mode: string | undefined): 'rbac' | 'always-allow' {
  if (mode === undefined || mode === 'RBAC') return 'rbac';
  if (mode === 'AlwaysAllow') return 'always-allow';
  throw new Error(`--authorization-mode: expected RBAC or AlwaysAllow, got ${JSON.stringify(mode)}`);
}

async function optionsOf(flags: Flags): Promise<ApiServerOptions> {
  const tokenFile = flags['token-file'];
  const maxChanges = wholeNumber(flags, 'history-max-changes');
  const maxAgeMs = wholeNumber(flags, 'history-max-age-ms');
  const ports = nodePorts(flags['service-node-port-range']);
  return {
    host: flags.host ?? '127.0.0.1',
    port: wholeNumber(flags, 'port') ?? 6443,
    seed: wholeNumber(flags, 'fault-seed') ?? 1,
    authorization: authorization(flags['authorization-mode']),
    hosts: flags['host-name'] ?? [],
    history: {
      ...(maxChanges === undefined ? {} : { maxChanges }),
      ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    },
    ...(flags['advertise-address'] ? { advertiseAddress: flags['advertise-address'] } : {}),
    ...(flags['pki-dir'] ? { pkiDir: flags['pki-dir'] } : {}),
    ...(tokenFile ? { tokens: parseTokenFile(await readFile(tokenFile, 'utf8')) } : {}),
    ...(flags['service-cluster-ip-range']
      ? { serviceCidrs: flags['service-cluster-ip-range'].split(',') }
      : {}),
    ...(ports ? { nodePorts: ports } : {}),
  };
}

async function main(): Promise<void> {
  const flags = parseFlags(process.argv.slice(2));
  if (flags.help) {
    console.log(USAGE);
    return;
  }
  const auditPath = flags['audit-log-path'];
  const audit = auditPath === undefined ? undefined : new AuditLog(auditPath, () => new Date());
  const server = await createApiServer({
    ...(await optionsOf(flags)),
    ...(audit && { onResponse: (record, code) => audit.write(record, code) }),
  });
  if (flags.kubeconfig) await writeFile(flags.kubeconfig, server.kubeconfig(), { mode: 0o600 });
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    server
      .close()
      .then(() => audit?.close())
      .then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (flags['exit-with-stdin']) {
    process.stdin.on('end', stop);
    process.stdin.on('error', stop);
    process.stdin.resume();
  }
  console.log(JSON.stringify({ ready: true, url: server.url, ca: server.pki.caCertificateFile }));
}

function fail(error: unknown): void {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

main().catch(fail);

// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where the files of a cluster's key material are, and what is in those a program needs to read. */
export interface Pki {
  readonly directory: string;
  readonly caCertificateFile: string;
  readonly caKeyFile: string;
  readonly serverCertificateFile: string;
  readonly serverKeyFile: string;
  /** Signs service-account tokens (P-256). */
  readonly serviceAccountKeyFile: string;
  readonly serviceAccountPublicKeyFile: string;
  /** PEM of the CA certificate. */
  readonly caCertificate: string;
}

/** Names and addresses that the server certificate is valid for, besides the usual in-cluster ones. */
export interface PkiOptions {
  readonly directory: string;
  readonly hosts: readonly string[];
}

const USUAL_HOSTS = [
  'localhost',
  '127.0.0.1',
  '::1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

/**
 * Makes a CA, a server certificate and a service-account key with the `openssl` program; keeps what a directory
 * already holds, so that a restarted server is still trusted. The files suit a real kube-apiserver too.
 */
export async function createPki({ directory, hosts }: PkiOptions): Promise<Pki> {
  await mkdir(directory, { recursive: true });
  const file = (name: string) => join(directory, name);
  const caKeyFile = file('ca.key');
  const caCertificateFile = file('ca.crt');
  const serverKeyFile = file('apiserver.key');
  const serverCertificateFile = file('apiserver.crt');
  const serviceAccountKeyFile = file('sa.key');
  const serviceAccountPublicKeyFile = file('sa.pub');
  const have = await readFile(serverCertificateFile, 'utf8').catch(() => undefined);
  if (have === undefined) {
    await Promise.all([
      makeCertificates(
        { caKeyFile, caCertificateFile, serverKeyFile, serverCertificateFile },
        file('apiserver.cnf'),
        [...new Set([...USUAL_HOSTS, ...hosts])],
      ),
      makeKeyPair(serviceAccountKeyFile, serviceAccountPublicKeyFile),
    ]);
  }
  return {
    directory,
    caKeyFile,
    caCertificateFile,
    serverKeyFile,
    serverCertificateFile,
    serviceAccountKeyFile,
    serviceAccountPublicKeyFile,
    caCertificate: await readFile(caCertificateFile, 'utf8'),
  };
}

interface CertificateFiles {
  readonly caKeyFile: string;
  readonly caCertificateFile: string;
  readonly serverKeyFile: string;
  readonly serverCertificateFile: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

async function makeCertificates(files: CertificateFiles, config: string, hosts: string[]): Promise<void> {
  const names = hosts.map((host) => (isIP(host) ? `IP:${host}` : `DNS:${host}`)).join(',');
  // A config of our own: what the machine's openssl.cnf says must not change what we get.
  await writeFile(
    config,
    [
      '[req]',
      'distinguished_name=dn',
      'prompt=no',
      '[dn]',
      'CN=kube-apiserver',
      '[ca]',
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
      '[server]',
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature,keyEncipherment',
      'extendedKeyUsage=serverAuth',
      `subjectAltName=${names}`,
      '',
    ].join('\n'),
  );
  await openssl([
    ...[
      'req',
      '-x509',
      '-config',
      config,
      '-extensions',
      'ca',
      '-subj',
      '/CN=kubernetes-ca',
      '-days',
      '3650',
    ],
    ...[...NEW_KEY, '-keyout', files.caKeyFile, '-out', files.caCertificateFile],
  ]);
  await openssl([
    ...['req', '-x509', '-config', config, '-extensions', 'server', '-days', '3650'],
    ...['-CA', files.caCertificateFile, '-CAkey', files.caKeyFile],
    ...[...NEW_KEY, '-keyout', files.serverKeyFile, '-out', files.serverCertificateFile],
  ]);
}

async function makeKeyPair(keyFile: string, publicKeyFile: string): Promise<void> {
  await openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', keyFile]);
  await openssl(['pkey', '-in', keyFile, '-pubout', '-out', publicKeyFile]);
}

async function openssl(args: string[]): Promise<void> {
  try {
    await run('openssl', args);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `openssl ${args[0]} failed (is the openssl program, version 3 or later, installed?): ${why}`,
    );
  }
}

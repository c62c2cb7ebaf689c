// Uses the generated types as a binding does. Each expected error must be one.
import type { AddRequest, AttachmentsResponse, Error, GcRequest, Result } from "./libcni";

export const add: AddRequest = {
  network: "web",
  containerId: "c1",
  netns: "/run/netns/c1",
  args: [["IP", "10.1.0.7"]],
  capabilityArgs: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
  options: { builtins: "only", timeoutMs: 1000 },
};

// @ts-expect-error: requests are closed
export const misspelled: AddRequest = { containerid: "c1", containerId: "c1", netns: "/n" };

// @ts-expect-error: netns is required
export const incomplete: AddRequest = { network: "web", containerId: "c1" };

// @ts-expect-error: gc does not use netns
export const foreign: GcRequest = { network: "web", validAttachments: [], asOf: "", netns: "/n" };

export function firstAddress(result: Result): string | undefined {
  return result.ips?.[0].address;
}

export function describe(error: Error): string {
  if (error.kind === "exists") return error.existing?.state ?? "unknown";
  // @ts-expect-error: there is no such kind
  if (error.kind === "exist") return "";
  return error.msg;
}

// Responses are open: a later version may add keys.
export function later(response: AttachmentsResponse): unknown {
  return response.attachments.map((attachment) => attachment.addedLater);
}

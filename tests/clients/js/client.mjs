// The plain client: a stream with tokens and a tool call, its question and answer, a stream taken up again.
import { Client } from "@langchain/langgraph-sdk";

const [url, script] = process.argv.slice(2);
const client = new Client({ apiUrl: url });
const told = {};

async function stream(thread, agent, payload) {
  const parts = [];
  for await (const part of client.runs.stream(thread, agent, payload)) parts.push(part);
  return parts;
}

const thread = await client.threads.create({ metadata: { title: "js" } });
const input = { messages: [{ role: "user", content: script }] };
let run;
const parts = await stream(thread.thread_id, "writer", {
  input,
  streamMode: ["messages-tuple", "values"],
  streamSubgraphs: true,
  onRunCreated: (created) => (run = created),
});
told.events = [...new Set(parts.map((part) => part.event))];
told.text = parts.filter((part) => part.event === "messages").map((part) => part.data[0].content).join("|");
told.created = run;
const again = [];
for await (const part of client.runs.joinStream(thread.thread_id, run.run_id, { lastEventId: "-1", streamMode: ["values"] }))
  again.push(part.event);
told.again = again;
told.joined = (await client.runs.join(thread.thread_id, run.run_id)).messages.length;
told.found = (await client.threads.search({ metadata: { graph_id: "writer", title: "js" } })).map((each) => each.values.messages.length);

const asked = await stream(null, "asker", { input: { messages: [] }, onRunCreated: (created) => (run = created) });
told.asked = asked.at(-2).data.__interrupt__[0].value;
const answered = await client.runs.wait(run.thread_id, "asker", { command: { resume: "fine" } });
told.answered = answered.messages.at(-1).content;
told.assistants = (await client.assistants.search({ limit: 100 })).map((each) => each.name);
console.log(JSON.stringify(told));

import { createDefine } from "fresh";

const define = createDefine<{ user: string }>();

export default define.middleware(async (ctx) => {
  ctx.state.user = "ada";
  const response = await ctx.next();
  response.headers.append("x-passed", "root");
  return response;
});

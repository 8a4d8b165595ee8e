export default () => <h1>framed</h1>;

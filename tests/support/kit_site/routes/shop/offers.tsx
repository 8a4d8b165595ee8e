export default () => <h1>offers</h1>;

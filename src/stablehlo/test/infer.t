# One op a line: its operands (each a new argument of the function), attributes, regions, -> its result types.
#   ! clause    verify() refuses it, naming the clause; a StableHLO verifier of someone else's refuses it, too
#   ?! clause   the specification refuses it, the reference lets it pass
# f32[2,?,<=4]  sizes, dynamic, bounded; qf32 quantized to i8, q1f32 along dimension 1, Qf32 to ui8; const:1,2 a constant i64 vector
# { types of the arguments | op ; op | values returned }: %n counts a region's arguments and results, %^n the function's arguments
# The types are the specification's (docs/spec.md of StableHLO); test/test_infer.py has jaxlib parse every line.

# -- elementwise
abs f32[2,3] -> f32[2,3]
abs complex<f32>[2] -> f32[2]
abs ui8[2] -> ui8[2] ! abs_i1
abs i1[2] -> i1[2] ! abs_i1
abs f32[2] -> f32[3] ! abs_c1
add f32[2,3] f32[2,3] -> f32[2,3]
add i1[2] i1[2] -> i1[2]
add f32[?,3] f32[2,3] -> f32[2,3]
add f32[?] f32[?] -> f32[?]
add f32[<=4] f32[<=4] -> f32[<=4]
add qf32[2] qf32[2] -> qf32[2]
add q1f32[2,3] q1f32[2,3] -> q1f32[2,3]
add qf32[2] f32[2] -> qf32[2] ! add_c1
add qf32[2] qf32[2] -> qf64[2] ! add_c1
add qf32[2] Qf32[2] -> qf32[2] ?! add_c3
add q1f32[2,3] q1f32[2,3] -> qf32[2,3] ! add_c5
add q1f32[2,3] qf32[2,3] -> q0f32[2,3] ! add_c6
add qf32[2,3] q1f32[2,3] -> q0f32[2,3] ! add_c7
add f32[2] f32[3] -> f32[2] ! add_c1
add f32[2] f32[1,2] -> f32[2] ! add_c1
add f32[2] i32[2] -> f32[2] ! add_c1
add f32[2] f32[2] -> f32[3] ! add_c1
add f32[2] f32[2] -> i32[2] ! add_c1
and i1[2] i1[2] -> i1[2]
and ui8[2] ui8[2] -> ui8[2]
and f32[2] f32[2] -> f32[2] ! and_i1
or f32[2] f32[2] -> f32[2] ! or_i1
xor complex<f32>[2] complex<f32>[2] -> complex<f32>[2] ! xor_i1
not i1 -> i1
not f32[2] -> f32[2] ! not_i1
atan2 f32[2] f32[2] -> f32[2]
atan2 i32[2] i32[2] -> i32[2] ! atan2_i1
cbrt f32 -> f32
cbrt i32 -> i32 ! cbrt_i1
ceil f32[2] -> f32[2]
ceil complex<f32>[2] -> complex<f32>[2] ! ceil_i1
floor i32[2] -> i32[2] ! floor_i1
cosine complex<f64>[2] -> complex<f64>[2]
cosine i32[2] -> i32[2] ! cosine_i1
sine i32[2] -> i32[2] ! sine_i1
tan bf16[2] -> bf16[2]
tanh i8[2] -> i8[2] ! tanh_i1
exponential f16[2,?] -> f16[2,?]
exponential i1[2] -> i1[2] ! exponential_i1
exponential_minus_one i64[2] -> i64[2] ! exponential_minus_one_i1
log i32 -> i32 ! log_i1
log_plus_one f32 -> f32
logistic f32[3] -> f32[3]
logistic i32[3] -> i32[3] ! logistic_i1
rsqrt i32[3] -> i32[3] ! rsqrt_i1
sqrt f64 -> f64
sqrt ui32 -> ui32 ! sqrt_i1
count_leading_zeros ui32[2] -> ui32[2]
count_leading_zeros f32[2] -> f32[2] ! count_leading_zeros_i1
popcnt i1[2] -> i1[2] ! popcnt_i1
divide i32[2] i32[2] -> i32[2]
divide i1[2] i1[2] -> i1[2] ! divide_i1
subtract i1[2] i1[2] -> i1[2] ! subtract_i1
multiply i1[2] i1[2] -> i1[2]
maximum i1[2] i1[2] -> i1[2]
minimum complex<f32>[2] complex<f32>[2] -> complex<f32>[2]
power i1[2] i1[2] -> i1[2] ! power_i1
remainder f32[2] f32[2] -> f32[2]
remainder i1[2] i1[2] -> i1[2] ! remainder_i1
negate f32[2] -> f32[2]
negate i1[2] -> i1[2] ! negate_i1
sign i32[2] -> i32[2]
sign ui32[2] -> ui32[2] ! sign_i1
round_nearest_afz f32[2] -> f32[2]
round_nearest_afz i32[2] -> i32[2] ! round_nearest_afz_i1
round_nearest_even complex<f32>[2] -> complex<f32>[2] ! round_nearest_even_i1
shift_left i32[2] i32[2] -> i32[2]
shift_left f32[2] f32[2] -> f32[2] ! shift_left_i1
shift_right_arithmetic i1[2] i1[2] -> i1[2] ! shift_right_arithmetic_i1
shift_right_logical ui8[2] ui8[2] -> ui8[2]
real complex<f32>[2] -> f32[2]
real f32[2] -> f32[2]
real i32[2] -> i32[2] ! real_i1
imag complex<f64>[2] -> f64[2]
imag complex<f64>[2] -> f32[2] ! imag_c1
complex f32[2] f32[2] -> complex<f32>[2]
complex f32[2] f64[2] -> complex<f32>[2] ! complex_c1
complex f16[2] f16[2] -> complex<f32>[2] ! complex_i1
complex f32[2] f32[2] -> complex<f64>[2] ! complex_c3
is_finite f32[2] -> i1[2]
is_finite i32[2] -> i1[2] ! is_finite_i1
is_finite f32[2] -> f32[2] ! is_finite_c1
compare f32[2] f32[2] comparison_direction=LT compare_type=FLOAT -> i1[2]
compare f32[2] f32[2] comparison_direction=LT -> i1[2]
compare f32[2] f32[2] comparison_direction=LT compare_type=TOTALORDER -> i1[2]
compare i1[2] i1[2] comparison_direction=EQ compare_type=UNSIGNED -> i1[2]
compare f32[2] i32[2] comparison_direction=LT -> i1[2] ! compare_c1
compare f32[2] f32[3] comparison_direction=LT -> i1[2] ! compare_c2
compare f32[2] f32[2] comparison_direction=LT compare_type=SIGNED -> i1[2] ?! compare_c3
compare f32[2] f32[2] comparison_direction=LT -> i32[2] ! compare_c2
convert f32[2,3] -> i8[2,3]
convert f32[2,3] -> i8[3,2] ! convert_c1
convert complex<f32>[2] -> f32[2]
select i1[2] f32[2] f32[2] -> f32[2]
select i1 f32[2] f32[2] -> f32[2]
select i1 f32[?] f32[2] -> f32[2]
select f32 f32[2] f32[2] -> f32[2] ! select_i1
select i1[3] f32[2] f32[2] -> f32[2] ! select_c1
select i1[2] f32[2] f32[3] -> f32[2] ! select_c2
select i1[2] f32[2] i32[2] -> f32[2] ! select_c2
clamp f32 f32[2] f32 -> f32[2]
clamp f32[2] f32[2] f32[2] -> f32[2]
clamp f32[3] f32[2] f32 -> f32[2] ! clamp_c1
clamp f32 f32[2] f32[3] -> f32[2] ! clamp_c2
clamp f64 f32[2] f32 -> f32[2] ! clamp_c3
clamp f32 f32[2] f32 -> f32[3] ! clamp_c4
reduce_precision f32[2] exponent_bits=5 mantissa_bits=10 -> f32[2]
reduce_precision f32[2] exponent_bits=0 mantissa_bits=10 -> f32[2] ! reduce_precision_c2
reduce_precision f32[2] exponent_bits=5 mantissa_bits=-1 -> f32[2] ! reduce_precision_c3
reduce_precision i32[2] exponent_bits=5 mantissa_bits=10 -> i32[2] ! reduce_precision_i1
uniform_dequantize qf32[2] -> f32[2]
uniform_dequantize f32[2] -> f32[2] ! uniform_dequantize_i1
uniform_quantize f32[2] -> qf32[2]
uniform_quantize f32[2] -> qf32[3] ! uniform_quantize_c1
uniform_quantize f64[2] -> qf32[2] ! uniform_quantize_c2
optimization_barrier f32[2] i32 -> f32[2] i32
optimization_barrier f32[2] i32 -> f32[2] ! optimization_barrier_results

# -- shapes
bitcast_convert f32[2] -> i32[2]
bitcast_convert f32[2] -> i8[2,4]
bitcast_convert i8[2,4] -> f32[2]
bitcast_convert complex<f32>[2] -> complex<f64>
bitcast_convert complex<f32>[2] -> f64[2] ! bitcast_convert_c2
bitcast_convert f32[2] -> i8[2,3] ! bitcast_convert_c1
bitcast_convert f32[2] -> i32[3] ! bitcast_convert_c1
bitcast_convert f32[2] -> i16[2] ! bitcast_convert_c1
broadcast f32[3] broadcast_sizes=2,4 -> f32[2,4,3]
broadcast f32[3] broadcast_sizes=2,4 -> f32[4,2,3] ! broadcast_result
broadcast f32[3] broadcast_sizes=-1 -> f32[1,3] ! broadcast_sizes
broadcast_in_dim f32[3] broadcast_dimensions=1 -> f32[2,3]
broadcast_in_dim f32[1,3] broadcast_dimensions=2,0 -> f32[3,2,5]
broadcast_in_dim f32 broadcast_dimensions= -> f32[2,3]
broadcast_in_dim q0f32[3] broadcast_dimensions=1 -> q1f32[2,3]
broadcast_in_dim q0f32[3] broadcast_dimensions=1 -> q0f32[3,3] ! broadcast_in_dim_c6
broadcast_in_dim qf32[3] broadcast_dimensions=1 -> Qf32[2,3] ! broadcast_in_dim_c1
broadcast_in_dim f32[3] broadcast_dimensions=1 -> i32[2,3] ! broadcast_in_dim_c1
broadcast_in_dim f32[3] broadcast_dimensions=0,1 -> f32[3,3] ! broadcast_in_dim_c2
broadcast_in_dim f32[3] broadcast_dimensions=2 -> f32[2,3] ! broadcast_in_dim_c3
broadcast_in_dim f32[3] broadcast_dimensions=-1 -> f32[2,3] ! broadcast_in_dim_c3
broadcast_in_dim f32[3,3] broadcast_dimensions=1,1 -> f32[2,3] ! broadcast_in_dim_c4
broadcast_in_dim f32[3] broadcast_dimensions=0 -> f32[2,3] ! broadcast_in_dim_c5
broadcast_in_dim f32[3] broadcast_dimensions=1 -> f32[?,3] ! broadcast_in_dim_o1
dynamic_broadcast_in_dim f32[3] i64[2] broadcast_dimensions=1 -> f32[?,3]
dynamic_broadcast_in_dim f32[3] const:2,3 broadcast_dimensions=1 -> f32[2,3]
dynamic_broadcast_in_dim f32[3] i64[2] broadcast_dimensions=1 -> i32[?,3] ! dynamic_broadcast_in_dim_c1
dynamic_broadcast_in_dim f32[3] i64[2] broadcast_dimensions=0,1 -> f32[?,3] ! dynamic_broadcast_in_dim_c2
dynamic_broadcast_in_dim f32[3] i64[2] broadcast_dimensions=2 -> f32[?,3] ! dynamic_broadcast_in_dim_c3
dynamic_broadcast_in_dim f32[3,3] i64[2] broadcast_dimensions=1,1 -> f32[?,3] ! dynamic_broadcast_in_dim_c4
dynamic_broadcast_in_dim f32[3] i64[2] broadcast_dimensions=1 -> f32[?,4] ! dynamic_broadcast_in_dim_c5
dynamic_broadcast_in_dim f32[3] const:2,4 broadcast_dimensions=1 -> f32[2,3] ! dynamic_broadcast_in_dim_c7
dynamic_broadcast_in_dim f32[3] i64[2] broadcast_dimensions=1 known_expanding_dimensions=0 known_nonexpanding_dimensions=0 -> f32[?,3] ! dynamic_broadcast_in_dim_c8
dynamic_broadcast_in_dim f32[3] i64[2] broadcast_dimensions=1 known_expanding_dimensions=1 -> f32[?,3] ! dynamic_broadcast_in_dim_c9
dynamic_broadcast_in_dim f32[3] i64[2] broadcast_dimensions=1 known_nonexpanding_dimensions=1 -> f32[?,3] ! dynamic_broadcast_in_dim_c10
concatenate f32[2,3] f32[2,4] dimension=1 -> f32[2,7]
concatenate f32[?,3] f32[2,4] dimension=1 -> f32[2,7]
concatenate f32[2,3] f32[2,?] dimension=1 -> f32[2,?]
concatenate f32[2] i32[2] dimension=0 -> f32[4] ! concatenate_c1
concatenate f32[2,3] f32[3,4] dimension=1 -> f32[2,7] ! concatenate_c2
concatenate f32[2,3] f32[2] dimension=0 -> f32[4,3] ! concatenate_c2
concatenate dimension=0 -> f32[4] ! concatenate_c3
concatenate f32[2] f32[2] dimension=1 -> f32[4] ! concatenate_c4
concatenate f32 f32 dimension=0 -> f32[2] ! concatenate_c4
concatenate f32[2] f32[2] dimension=0 -> f32[5] ! concatenate_c6
concatenate f32[2] f32[2] dimension=0 -> i32[4] ! concatenate_c6
dynamic_iota i64[2] iota_dimension=1 -> i32[?,?]
dynamic_iota const:2,3 iota_dimension=0 -> f32[2,3]
dynamic_iota i64[2] iota_dimension=2 -> i32[?,?] ! dynamic_iota_c1
dynamic_iota const:2,3 iota_dimension=1 -> i32[2,4] ! dynamic_iota_c2
dynamic_iota i64[2] iota_dimension=0 -> i32[?] ?! dynamic_iota_c2
dynamic_pad f32[4] f32 i64[1] i64[1] i64[1] -> f32[?]
dynamic_pad f32[4] f32 const:1 const:2 const:1 -> f32[10]
dynamic_pad f32[4] f64 i64[1] i64[1] i64[1] -> f32[?] ! dynamic_pad_c1
dynamic_pad f32[4] f32 i64[2] i64[2] i64[2] -> f32[?] ! dynamic_pad_c2
dynamic_pad f32[4] f32 const:1 const:2 const:-1 -> f32[?] ! dynamic_pad_c3
dynamic_pad f32[4] f32 const:1 const:2 const:1 -> f32[11] ! dynamic_pad_c4
dynamic_reshape f32[2,3] i64[1] -> f32[?]
dynamic_reshape f32[2,3] const:6 -> f32[6]
dynamic_reshape f32[2,3] i64[1] -> i32[?] ! dynamic_reshape_c1
dynamic_reshape f32[2,3] i64[1] -> f32[5] ! dynamic_reshape_c2
dynamic_reshape f32[2,3] i64[2] -> f32[?] ! dynamic_reshape_c4
dynamic_slice f32[4,5] i32 i32 slice_sizes=2,5 -> f32[2,5]
dynamic_slice f32[?,5] i64 i64 slice_sizes=2,5 -> f32[2,5]
dynamic_slice f32[4,5] i32 slice_sizes=2,5 -> f32[2,5] ! dynamic_slice_c2
dynamic_slice f32[4,5] i32 i32 slice_sizes=2 -> f32[2,5] ! dynamic_slice_c2
dynamic_slice f32[4,5] i32 i64 slice_sizes=2,5 -> f32[2,5] ! dynamic_slice_c3
dynamic_slice f32[4,5] i32 i32 slice_sizes=2,6 -> f32[2,6] ! dynamic_slice_c4
dynamic_slice f32[4,5] i32 i32 slice_sizes=2,-1 -> f32[2,1] ! dynamic_slice_c4
dynamic_slice f32[4,5] i32 i32 slice_sizes=2,5 -> f32[2,4] ! dynamic_slice_c5
dynamic_slice f32[4] i32[1] slice_sizes=2 -> f32[2] ! dynamic_slice_i2
dynamic_slice f32[4] f32 slice_sizes=2 -> f32[2] ! dynamic_slice_i2
dynamic_update_slice f32[4,5] f32[2,5] i32 i32 -> f32[4,5]
dynamic_update_slice f32[4,5] i32[2,5] i32 i32 -> f32[4,5] ! dynamic_update_slice_c2
dynamic_update_slice f32[4,5] f32[2] i32 i32 -> f32[4,5] ! dynamic_update_slice_c3
dynamic_update_slice f32[4,5] f32[2,5] i32 -> f32[4,5] ! dynamic_update_slice_c4
dynamic_update_slice f32[4,5] f32[2,5] i32 i64 -> f32[4,5] ! dynamic_update_slice_c5
dynamic_update_slice f32[4,5] f32[2,6] i32 i32 -> f32[4,5] ! dynamic_update_slice_c6
dynamic_update_slice f32[4,5] f32[2,5] i32 i32 -> f32[4,6] ! dynamic_update_slice_c1
get_dimension_size f32[4,?] dimension=1 -> i32
get_dimension_size f32[4,?] dimension=2 -> i32 ! get_dimension_size_c1
set_dimension_size f32[4] i32 dimension=0 -> f32[<=4]
iota iota_dimension=1 -> i32[2,3]
iota iota_dimension=2 -> i32[2,3] ! iota_c1
iota iota_dimension=0 -> i32 ! iota_c1
iota iota_dimension=0 -> i1[2] ! iota_o1
iota iota_dimension=0 -> i32[?] ! iota_o1
constant value=f32[2]:8 -> f32[2]
constant value=f32[2]:8 -> f32[3] ! constant_c1
pad f32[4,5] f32 edge_padding_low=1,-1 edge_padding_high=2,0 interior_padding=1,0 -> f32[10,4]
pad f32[?,5] f32 edge_padding_low=1,0 edge_padding_high=0,0 interior_padding=0,0 -> f32[?,5]
pad f32[4] f64 edge_padding_low=1 edge_padding_high=2 interior_padding=1 -> f32[10] ! pad_c1
pad f32[4] f32 edge_padding_low=1,1 edge_padding_high=2 interior_padding=1 -> f32[10] ! pad_c2
pad f32[4] f32 edge_padding_low=1 edge_padding_high=2 interior_padding=-1 -> f32[4] ! pad_c3
pad f32[4] f32 edge_padding_low=-3 edge_padding_high=-2 interior_padding=0 -> f32[0] ! pad_c4
pad f32[4] f32 edge_padding_low=1 edge_padding_high=2 interior_padding=1 -> f32[9] ! pad_c4
pad f32[4] f32[1] edge_padding_low=1 edge_padding_high=2 interior_padding=1 -> f32[10] ! pad_i2
reshape f32[2,3] -> f32[6]
reshape f32[2,3] -> f32[3,2,1]
reshape f32[1] -> f32
reshape f32[2,3] -> i32[6] ! reshape_c1
reshape qf32[2,3] -> Qf32[6] ! reshape_c1
reshape q1f32[2,3] -> q2f32[2,1,3]
reshape q1f32[3,3] -> q0f32[3,3] ! reshape_c3
reshape f32[2,3] -> f32[5] ! reshape_c2
reshape f32[2,3] -> f32[?] ! reshape_o1
real_dynamic_slice f32[4] i64[1] i64[1] i64[1] -> f32[?]
real_dynamic_slice f32[4] i64[2] i64[2] i64[2] -> f32[?] ! real_dynamic_slice_c2
reverse f32[2,3] dimensions=1 -> f32[2,3]
reverse f32[2,3] dimensions=1 -> f32[2,4] ! reverse_c1
reverse f32[2,3] dimensions=1,1 -> f32[2,3] ! reverse_c2
reverse f32[2,3] dimensions=2 -> f32[2,3] ! reverse_c3
reverse f32[2,3] dimensions=-1 -> f32[2,3] ! reverse_c3
slice f32[5,6] start_indices=1,0 limit_indices=4,6 strides=2,4 -> f32[2,2]
slice f32[?,6] start_indices=1,0 limit_indices=4,6 strides=1,1 -> f32[3,6]
slice f32[5] start_indices=1,0 limit_indices=4,1 strides=1,1 -> f32[3] ! slice_c2
slice f32[5] start_indices=1 limit_indices=6 strides=1 -> f32[5] ! slice_c3
slice f32[5] start_indices=3 limit_indices=2 strides=1 -> f32[0] ! slice_c3
slice f32[5] start_indices=-1 limit_indices=2 strides=1 -> f32[3] ! slice_c3
slice f32[5] start_indices=1 limit_indices=2 strides=0 -> f32[1] ! slice_c4
slice f32[5] start_indices=1 limit_indices=4 strides=1 -> f32[4] ! slice_c5
transpose f32[2,3,4] permutation=2,0,1 -> f32[4,2,3]
transpose f32[2,?] permutation=1,0 -> f32[?,2]
transpose q1f32[2,3] permutation=1,0 -> q0f32[3,2]
transpose qf32[2,3] permutation=1,0 -> Qf32[3,2] ! transpose_c1
transpose q1f32[3,3] permutation=1,0 -> q1f32[3,3] ! transpose_c4
transpose f32[2,3] permutation=0,0 -> f32[2,2] ! transpose_c2
transpose f32[2,3] permutation=1 -> f32[3,2] ! transpose_c2
transpose f32[2,3] permutation=1,2 -> f32[3,2] ! transpose_c2
transpose f32[2,3] permutation=1,0 -> f32[2,3] ! transpose_c3

# -- gather and scatter
gather f32[5,6] i32[7,1] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,6]
gather f32[5,6] i32[7] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,6]
gather f32[5,6] i64[2,7,8] offset_dims=0 collapsed_slice_dims=0 start_index_map=1,0 index_vector_dim=0 slice_sizes=1,3 -> f32[3,7,8]
gather f32[3,5,6] i32[3,7,1] offset_dims=2 collapsed_slice_dims=1 operand_batching_dims=0 start_indices_batching_dims=0 start_index_map=1 index_vector_dim=2 slice_sizes=1,1,6 -> f32[3,7,6]
gather f32[?,6] i32[?,1] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[?,6]
gather f32[5,6] i32[7,1] offset_dims=1 collapsed_slice_dims= start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,6] ! gather_c1
gather f32[5,6] i32[7,1] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=3 slice_sizes=1,6 -> f32[7,6] ! gather_c2
gather f32[5,6] i32[7,2] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,6] ! gather_c3
gather f32[5,6] i32[7,1] offset_dims=2,1 collapsed_slice_dims= start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,1,6] ! gather_c4
gather f32[5,6] i32[7,1] offset_dims=1,1 collapsed_slice_dims= start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,1,6] ! gather_c4
gather f32[5,6] i32[7,1] offset_dims=2 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,6] ! gather_c5
gather f32[5,6] i32[7,1] offset_dims= collapsed_slice_dims=0,0 start_index_map=0 index_vector_dim=1 slice_sizes=1,1 -> f32[7] ! gather_c6
gather f32[5,6] i32[7,1] offset_dims= collapsed_slice_dims=1,0 start_index_map=0 index_vector_dim=1 slice_sizes=1,1 -> f32[7] ! gather_c7
gather f32[5,6] i32[7,1] offset_dims=1 collapsed_slice_dims=2 start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,6] ! gather_c8
gather f32[5,6] i32[7,1] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=2,6 -> f32[7,6] ! gather_c9
gather f32[3,5,6] i32[5,3,1] offset_dims=2 operand_batching_dims=1,0 start_indices_batching_dims=0,1 start_index_map=2 index_vector_dim=2 slice_sizes=1,1,6 -> f32[5,3,6] ! gather_c10
gather f32[3,5,6] i32[3,7,1] offset_dims=2 collapsed_slice_dims=1 operand_batching_dims=3 start_indices_batching_dims=0 start_index_map=1 index_vector_dim=2 slice_sizes=1,1,6 -> f32[3,7,6] ! gather_c11
gather f32[3,5,6] i32[3,7,1] offset_dims=2 collapsed_slice_dims=1 operand_batching_dims=0 start_indices_batching_dims=0 start_index_map=1 index_vector_dim=2 slice_sizes=2,1,6 -> f32[3,7,6] ! gather_c12
gather f32[3,3,6] i32[3,7,1] offset_dims=2 operand_batching_dims=0,1 start_indices_batching_dims=0,0 start_index_map=2 index_vector_dim=2 slice_sizes=1,1,6 -> f32[3,7,6] ! gather_c13
gather f32[3,5,6] i32[3,7,1] offset_dims=2 collapsed_slice_dims=1 operand_batching_dims=0 start_indices_batching_dims=3 start_index_map=1 index_vector_dim=2 slice_sizes=1,1,6 -> f32[3,7,6] ! gather_c14
gather f32[1,5,6] i32[3,7,1] offset_dims=2 collapsed_slice_dims=1 operand_batching_dims=0 start_indices_batching_dims=2 start_index_map=1 index_vector_dim=2 slice_sizes=1,1,6 -> f32[3,7,6] ! gather_c15
gather f32[3,5,6] i32[3,7,1] offset_dims=2 collapsed_slice_dims=1 operand_batching_dims=0 start_indices_batching_dims= start_index_map=1 index_vector_dim=2 slice_sizes=1,1,6 -> f32[3,7,6] ! gather_c16
gather f32[4,5,6] i32[3,7,1] offset_dims=2 collapsed_slice_dims=1 operand_batching_dims=0 start_indices_batching_dims=0 start_index_map=1 index_vector_dim=2 slice_sizes=1,1,6 -> f32[3,7,6] ! gather_c17
gather f32[5,6] i32[7,2] offset_dims=1 collapsed_slice_dims=0 start_index_map=0,0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,6] ! gather_c18
gather f32[5,6] i32[7,1] offset_dims=1 collapsed_slice_dims=0 start_index_map=2 index_vector_dim=1 slice_sizes=1,6 -> f32[7,6] ! gather_c19
gather f32[5,6] i32[7,1] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=1,6,1 -> f32[7,6] ! gather_c20
gather f32[5,6] i32[7,1] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=1,7 -> f32[7,7] ! gather_c21
gather f32[5,6] i32[7,1] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,5] ! gather_c22
gather f32[5,6] f32[7,1] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 slice_sizes=1,6 -> f32[7,6] ! gather_i2
dynamic_gather f32[5,6] i32[7,1] const:1,6 offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 -> f32[7,6]
dynamic_gather f32[5,6] i32[7,1] i64[2] offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 -> f32[7,?]
dynamic_gather f32[5,6] i32[7,1] const:1,6 offset_dims=1 collapsed_slice_dims=0 start_index_map=0 index_vector_dim=1 -> f32[7,5] ! dynamic_gather_c22
scatter f32[5,6] i32[7,1] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6]
scatter f32[5,6] i32[7] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | | %1 } -> f32[5,6]
scatter f32[5,6] i32[7,1] f32[7,4] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6]
scatter f32[3,5,6] i32[3,7,1] f32[3,7,6] update_window_dims=2 inserted_window_dims=1 input_batching_dims=0 scatter_indices_batching_dims=0 scatter_dims_to_operand_dims=1 index_vector_dim=2 { f32 f32 | add %0 %1 | %2 } -> f32[3,5,6]
scatter f32[5] i32[5] i32[7,1] f32[7] i32[7] inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 i32 f32 i32 | add %0 %2 ; add %1 %3 | %4 %5 } -> f32[5] i32[5]
scatter f32[5] i32[6] i32[7,1] f32[7] i32[7] inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 i32 f32 i32 | add %0 %2 ; add %1 %3 | %4 %5 } -> f32[5] i32[6] ! scatter_c1
scatter f32[5,6] i32[7,1] f32[7,6] update_window_dims=1 inserted_window_dims= scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c2
scatter f32[5] i32[5] i32[7,1] f32[7] i32[6] inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 i32 f32 i32 | add %0 %2 ; add %1 %3 | %4 %5 } -> f32[5] i32[5] ! scatter_c3
scatter f32[5,6] i32[7,1] f32[7,8] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c4
scatter f32[5,6] i32[7,1] f32[8,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c4
scatter f32[5,6] i32[7,1] f32[7,6,1] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c4
scatter f32[5,6] i32[7,1] i32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c6
scatter f32[5,6] i32[7,1] f32[7,5,6] update_window_dims=2,1 inserted_window_dims= scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c7
scatter f32[5,6] i32[7,1] f32[7,6] update_window_dims=2 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c8
scatter f32[5,6] i32[7,1] f32[7] update_window_dims= inserted_window_dims=1,1 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c9
scatter f32[5,6] i32[7,1] f32[7] update_window_dims= inserted_window_dims=1,0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c10
scatter f32[5,6] i32[7,1] f32[7,6] update_window_dims=1 inserted_window_dims=2 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c11
scatter f32[3,5,6] i32[5,3,1] f32[5,3,6] update_window_dims=2 input_batching_dims=1,0 scatter_indices_batching_dims=0,1 scatter_dims_to_operand_dims=2 index_vector_dim=2 { f32 f32 | add %0 %1 | %2 } -> f32[3,5,6] ! scatter_c12
scatter f32[3,5,6] i32[3,7,1] f32[3,7,6] update_window_dims=2 inserted_window_dims=1 input_batching_dims=3 scatter_indices_batching_dims=0 scatter_dims_to_operand_dims=1 index_vector_dim=2 { f32 f32 | add %0 %1 | %2 } -> f32[3,5,6] ! scatter_c13
scatter f32[3,3,6] i32[3,7,1] f32[3,7,6] update_window_dims=2 input_batching_dims=0,1 scatter_indices_batching_dims=0,0 scatter_dims_to_operand_dims=2 index_vector_dim=2 { f32 f32 | add %0 %1 | %2 } -> f32[3,3,6] ! scatter_c14
scatter f32[3,5,6] i32[3,7,1] f32[3,7,6] update_window_dims=2 inserted_window_dims=1 input_batching_dims=0 scatter_indices_batching_dims=3 scatter_dims_to_operand_dims=1 index_vector_dim=2 { f32 f32 | add %0 %1 | %2 } -> f32[3,5,6] ! scatter_c15
scatter f32[1,5,6] i32[3,7,1] f32[3,7,6] update_window_dims=2 inserted_window_dims=1 input_batching_dims=0 scatter_indices_batching_dims=2 scatter_dims_to_operand_dims=1 index_vector_dim=2 { f32 f32 | add %0 %1 | %2 } -> f32[1,5,6] ! scatter_c16
scatter f32[3,5,6] i32[3,7,1] f32[3,7,6] update_window_dims=2 inserted_window_dims=1 input_batching_dims=0 scatter_indices_batching_dims= scatter_dims_to_operand_dims=1 index_vector_dim=2 { f32 f32 | add %0 %1 | %2 } -> f32[3,5,6] ! scatter_c17
scatter f32[4,5,6] i32[3,7,1] f32[3,7,6] update_window_dims=2 inserted_window_dims=1 input_batching_dims=0 scatter_indices_batching_dims=0 scatter_dims_to_operand_dims=1 index_vector_dim=2 { f32 f32 | add %0 %1 | %2 } -> f32[4,5,6] ! scatter_c18
scatter f32[5,6] i32[7,2] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c19
scatter f32[5,6] i32[7,2] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0,0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c20
scatter f32[5,6] i32[7,1] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=2 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c21
scatter f32[5,6] i32[7,1] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=4 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_c22
scatter f32[5,6] i32[7,1] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 | | %0 } -> f32[5,6] ! scatter_c23
scatter f32[5,6] i32[7,1] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { i32 i32 | add %0 %1 | %2 } -> i32[5,6] ! scatter_c23
scatter f32[5,6] i32[7,1] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,7] ! scatter_c24
scatter f32[5,6] f32[7,1] f32[7,6] update_window_dims=1 inserted_window_dims=0 scatter_dims_to_operand_dims=0 index_vector_dim=1 { f32 f32 | add %0 %1 | %2 } -> f32[5,6] ! scatter_i2

# -- contractions
dot_general f32[2,3,4] f32[2,4,5] lhs_batching=0 rhs_batching=0 lhs_contracting=2 rhs_contracting=1 -> f32[2,3,5]
dot_general bf16[3,4] bf16[4,5] lhs_contracting=1 rhs_contracting=0 -> f32[3,5]
dot_general f32[?,3,4] f32[2,4,5] lhs_batching=0 rhs_batching=0 lhs_contracting=2 rhs_contracting=1 -> f32[2,3,5]
dot_general f32[3] f32[4] lhs_contracting= rhs_contracting= -> f32[3,4]
dot_general f32[2,3,4] f32[2,4,5] lhs_batching=0 rhs_batching= lhs_contracting=2 rhs_contracting=1 -> f32[2,3,5] ! dot_general_c1
dot_general f32[3,4] f32[4,5] lhs_contracting=1 rhs_contracting= -> f32[3,5] ! dot_general_c2
dot_general f32[2,3,4] f32[2,4,5] lhs_batching=0 rhs_batching=0 lhs_contracting=0 rhs_contracting=1 -> f32[2,3,5] ! dot_general_c3
dot_general f32[2,3,4] f32[2,4,5] lhs_batching=0 rhs_batching=0 lhs_contracting=2 rhs_contracting=0 -> f32[2,3,5] ! dot_general_c4
dot_general f32[2,3,4] f32[2,4,5] lhs_batching=3 rhs_batching=0 lhs_contracting=2 rhs_contracting=1 -> f32[2,3,5] ! dot_general_c5
dot_general f32[3,4] f32[4,5] lhs_contracting=2 rhs_contracting=0 -> f32[3,5] ! dot_general_c6
dot_general f32[2,3,4] f32[2,4,5] lhs_batching=0 rhs_batching=-1 lhs_contracting=2 rhs_contracting=1 -> f32[2,3,5] ! dot_general_c7
dot_general f32[3,4] f32[4,5] lhs_contracting=1 rhs_contracting=2 -> f32[3,5] ! dot_general_c8
dot_general f32[2,3,4] f32[3,4,5] lhs_batching=0 rhs_batching=0 lhs_contracting=2 rhs_contracting=1 -> f32[2,3,5] ! dot_general_c9
dot_general f32[3,4] f32[5,5] lhs_contracting=1 rhs_contracting=0 -> f32[3,5] ! dot_general_c10
dot_general f32[3,4] f32[4,5] lhs_contracting=1 rhs_contracting=0 -> f32[5,3] ! dot_general_c12
dot_general f32[3,4] i32[4,5] lhs_contracting=1 rhs_contracting=0 -> f32[3,5] ?! dot_general_c13
dot_general f32[3,4] f32[4,5] lhs_contracting=1 rhs_contracting=0 algorithm=1 -> f32[3,5]
dot_general f32[3,4] f32[4,5] lhs_contracting=1 rhs_contracting=0 precision_config=2,2 algorithm=1 -> f32[3,5] ! dot_general_c21
dot_general f32[3,4] f32[4,5] lhs_contracting=1 rhs_contracting=0 algorithm=0 -> f32[3,5] ! dot_general_c22
dot f32[3,4] f32[4,5] -> f32[3,5]
dot f32[4] f32[4,5] -> f32[5]
dot f32[4] f32[4] -> f32
dot f32[3,4] f32[5,5] -> f32[3,5] ! dot_operands
convolution f32[1,8,8,3] f32[3,3,3,16] dimension_numbers=b01f,01io,b01f padding=1,1,1,1 feature_group_count=1 batch_group_count=1 -> f32[1,8,8,16]
convolution f32[2,3,9,8] f32[16,3,3,2] dimension_numbers=bf01,oi01,bf01 window_strides=2,3 padding=0,1,2,0 lhs_dilation=1,2 rhs_dilation=2,1 feature_group_count=1 batch_group_count=1 -> f32[2,16,3,6]
convolution f32[2,6,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=2 batch_group_count=1 -> f32[2,4,8]
convolution f32[4,6,9] f32[4,6,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=2 -> f32[2,4,8]
convolution f32[?,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[?,4,8]
convolution f32[2,3,?] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,?]
convolution f32[2,3,1] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,0]
convolution f32[2,3] f32[4,3] dimension_numbers=bf,oi,bf feature_group_count=1 batch_group_count=1 -> f32[2,4]
convolution f32[2,3,9] f32[4,3,2,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c1
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 window_strides=1,1 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c2
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 window_strides=0 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c3
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 padding=1,1,1,1 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c4
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 lhs_dilation=1,1 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c5
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 lhs_dilation=0 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c6
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 rhs_dilation=1,1 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c7
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 rhs_dilation=-1 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c8
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 window_reversal=0,1 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c9
convolution f32[3,6,9] f32[4,6,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=2 -> f32[2,4,8] ! convolution_c10
convolution f32[2,5,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=2 batch_group_count=1 -> f32[2,4,8] ! convolution_c11
convolution f32[2,3,9] f32[4,2,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c14
convolution f32[4,6,9] f32[5,6,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=2 -> f32[2,5,8] ! convolution_c15
convolution f32[2,6,9] f32[5,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=2 batch_group_count=1 -> f32[2,5,8] ! convolution_c16
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=0 batch_group_count=1 -> f32[2,4,8] ! convolution_c21
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=0 -> f32[2,4,8] ! convolution_c22
convolution f32[2,4,9] f32[4,2,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=2 batch_group_count=2 -> f32[1,4,8] ! convolution_c23
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 precision_config=0,0,0 -> f32[2,4,8] ! convolution_c24
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,9] ! convolution_c25
convolution f32[2,3,9] f64[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c27
convolution f32[2,3,9,9] f32[4,3,2,2] dimension_numbers=bf0,oi01,bf01 feature_group_count=1 batch_group_count=1 -> f32[2,4,8,8] ! convolution_c12
convolution f32[2,3,9,9] f32[4,3,2,2] dimension_numbers=bf01,oi0,bf01 feature_group_count=1 batch_group_count=1 -> f32[2,4,8,8] ! convolution_c17
convolution f32[2,3,9,9] f32[4,3,2,2] dimension_numbers=bf01,oi01,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,8,8] ! convolution_c19
convolution f32[2,3,9] f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,8,1] ! convolution_c25
convolution qf32[2,3,9] qf32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> qf32[2,4,8]
convolution qf32[2,3,9] qf32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,8] ! convolution_c28
convolution qf32[2,3,9] q1f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> qf32[2,4,8] ! convolution_c29
convolution qf32[2,3,9] q0f32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> q2f32[2,4,8] ! convolution_c30
convolution qf32[2,3,9] Qf32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> qf32[2,4,8] ?! convolution_c31
convolution qf32[2,3,9] qf32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> qf64[2,4,8] ! convolution_c32
convolution qf32[2,3,9] qf32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> q1f32[2,4,8] ! convolution_c33
convolution f64[2,3,9] qf32[4,3,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f64[2,4,8] ! convolution_c34
dot_general qf32[3,4] qf32[4,5] lhs_contracting=1 rhs_contracting=0 -> qf32[3,5]
dot_general f32[3,4] qf32[4,5] lhs_contracting=1 rhs_contracting=0 -> f32[3,5]
dot_general qf32[3,4] f32[4,5] lhs_contracting=1 rhs_contracting=0 -> qf32[3,5] ! dot_general_c14
dot_general qf32[3,4] q0f32[4,5] lhs_contracting=1 rhs_contracting=0 -> qf32[3,5] ! dot_general_c16
dot_general qf32[3,4] Qf32[4,5] lhs_contracting=1 rhs_contracting=0 -> qf32[3,5] ?! dot_general_c17
dot_general qf32[3,4] qf64[4,5] lhs_contracting=1 rhs_contracting=0 -> qf32[3,5] ! dot_general_c18
dot_general qf32[3,4] qf32[4,5] lhs_contracting=1 rhs_contracting=0 -> q1f32[3,5] ! dot_general_c19
dot_general f64[3,4] qf32[4,5] lhs_contracting=1 rhs_contracting=0 -> f64[3,5] ! dot_general_c20
dot_general f32[3,4] f32[4,5] lhs_contracting=1 rhs_contracting=0 precision_config=0,0,0 -> f32[3,5] ! dot_general_c11
dynamic_conv f32[2,3,9] f32[4,3,2] i64[1,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,5,?] ?! dynamic_conv_c25
dynamic_conv f32[2,3,9] f32[4,3,2] i64[1,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4] ?! dynamic_conv_c26
dynamic_conv f32[2,3,9] f32[4,3,2] i64[1,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,?]
dynamic_conv f32[2,3,9] f32[4,3,2] i64[2,2] dimension_numbers=bf0,oi0,bf0 feature_group_count=1 batch_group_count=1 -> f32[2,4,?] ! dynamic_conv_c4

# -- linear algebra, transforms, random numbers
cholesky f32[2,3,3] lower=true -> f32[2,3,3]
cholesky f32[3] -> f32[3] ! cholesky_c2
cholesky f32[3,4] -> f32[3,4] ! cholesky_c3
cholesky i32[3,3] -> i32[3,3] ! cholesky_i1
triangular_solve f32[2,3,3] f32[2,3,4] left_side=true lower=true unit_diagonal=false transpose_a=NO_TRANSPOSE -> f32[2,3,4]
triangular_solve f32[3,3] f32[4,3] left_side=false lower=true unit_diagonal=false transpose_a=ADJOINT -> f32[4,3]
triangular_solve f32[3,3] f64[3,4] left_side=true lower=true unit_diagonal=false transpose_a=NO_TRANSPOSE -> f32[3,4] ! triangular_solve_c1
triangular_solve f32[3] f32[3] left_side=true lower=true unit_diagonal=false transpose_a=NO_TRANSPOSE -> f32[3] ! triangular_solve_c2
triangular_solve f32[3,3] f32[4,3] left_side=true lower=true unit_diagonal=false transpose_a=NO_TRANSPOSE -> f32[4,3] ! triangular_solve_c3
triangular_solve f32[3,4] f32[4,3] left_side=true lower=true unit_diagonal=false transpose_a=NO_TRANSPOSE -> f32[4,3] ! triangular_solve_c3
fft complex<f32>[3,8] fft_type=FFT fft_length=8 -> complex<f32>[3,8]
fft f32[3,8] fft_type=RFFT fft_length=8 -> complex<f32>[3,5]
fft complex<f64>[3,5] fft_type=IRFFT fft_length=8 -> f64[3,8]
fft complex<f64>[3,5] fft_type=IRFFT fft_length=9 -> f64[3,9]
fft complex<f32>[8] fft_type=FFT fft_length=8,8 -> complex<f32>[8] ! fft_c1
fft f32[3,8] fft_type=FFT fft_length=8 -> f32[3,8] ! fft_c2
fft complex<f32>[3,8] fft_type=RFFT fft_length=8 -> complex<f32>[3,5] ! fft_c2
fft complex<f32>[2,2,2,2] fft_type=FFT fft_length=2,2,2,2 -> complex<f32>[2,2,2,2] ! fft_c3
fft f32[3,8] fft_type=RFFT fft_length=7 -> complex<f32>[3,4] ! fft_c4
fft complex<f32>[3,5] fft_type=IRFFT fft_length=7 -> f32[3,7] ! fft_c4
fft f32[3,8] fft_type=RFFT fft_length=8 -> complex<f32>[3,8] ! fft_c5
batch_norm_inference f32[2,3,4] f32[3] f32[3] f32[3] f32[3] epsilon=0.1 feature_index=1 -> f32[2,3,4]
batch_norm_inference f32[2,3,4] f32[3] f32[3] f32[3] f32[3] epsilon=0.1 feature_index=3 -> f32[2,3,4] ! batch_norm_inference_c1
batch_norm_inference f32[2,3,4] f64[3] f32[3] f32[3] f32[3] epsilon=0.1 feature_index=1 -> f32[2,3,4] ! batch_norm_inference_c2
batch_norm_inference f32[2,3,4] f32[4] f32[4] f32[4] f32[4] epsilon=0.1 feature_index=1 -> f32[2,3,4] ! batch_norm_inference_c3
batch_norm_inference f32[2,3,4] f32[3] f32[3] f32[3] f32[4] epsilon=0.1 feature_index=1 -> f32[2,3,4] ! batch_norm_inference_c6
batch_norm_training f32[2,3,4] f32[3] f32[3] epsilon=0.1 feature_index=1 -> f32[2,3,4] f32[3] f32[3]
batch_norm_training f32[2,3,4] f32[3] f32[4] epsilon=0.1 feature_index=1 -> f32[2,3,4] f32[3] f32[3] ! batch_norm_training_c4
batch_norm_grad f32[2,3,4] f32[3] f32[3] f32[3] f32[2,3,4] epsilon=0.1 feature_index=1 -> f32[2,3,4] f32[3] f32[3]
batch_norm_grad f32[2,3,4] f32[3] f32[3] f32[3] f32[2,3,5] epsilon=0.1 feature_index=1 -> f32[2,3,4] f32[3] f32[3] ! batch_norm_grad_c3
batch_norm_grad f32[2,3,4] f32[4] f32[4] f32[4] f32[2,3,4] epsilon=0.1 feature_index=1 -> f32[2,3,4] f32[4] f32[4] ! batch_norm_grad_c5
rng f32 f32 const:2,3 rng_distribution=NORMAL -> f32[2,3]
rng i32 i32 const:2,3 rng_distribution=UNIFORM -> i32[2,3]
rng f32 f64 const:2,3 rng_distribution=NORMAL -> f32[2,3] ! rng_c1
rng i32 i32 const:2,3 rng_distribution=NORMAL -> i32[2,3] ! rng_c2
rng f32 f32 const:2,3 rng_distribution=NORMAL -> f32[2,4] ! rng_c3
rng_bit_generator ui64[2] rng_algorithm=THREE_FRY -> ui64[2] ui32[4]
rng_bit_generator ui64[3] rng_algorithm=PHILOX -> ui64[3] f32[4]
rng_bit_generator ui64[2] rng_algorithm=THREE_FRY -> ui64[3] ui32[4] ! rng_bit_generator_c1
rng_bit_generator ui64[3] rng_algorithm=THREE_FRY -> ui64[3] ui32[4] ?! rng_bit_generator_c2

# -- regions
reduce f32[4,3] f32 dimensions=1 { f32 f32 | add %0 %1 | %2 } -> f32[4]
reduce f32[4,3,?] f32 dimensions=1 { f32 f32 | maximum %0 %1 | %2 } -> f32[4,?]
reduce f32[4,3] f32 dimensions=0,1 { f32 f32 | add %0 %1 | %2 } -> f32
reduce f32[4,3] i32[4,3] f32 i32 dimensions=1 { f32 i32 f32 i32 | add %0 %2 ; add %1 %3 | %4 %5 } -> f32[4] i32[4]
reduce f32[4,3] i32[4,4] f32 i32 dimensions=1 { f32 i32 f32 i32 | add %0 %2 ; add %1 %3 | %4 %5 } -> f32[4] i32[4] ! reduce_c1
reduce f32[4,3] i32 dimensions=1 { f32 f32 | add %0 %1 | %2 } -> f32[4] ! reduce_c2
reduce f32[4,3] f32 dimensions=2 { f32 f32 | add %0 %1 | %2 } -> f32[4] ! reduce_c4
reduce f32[4,3] f32 dimensions=-1 { f32 f32 | add %0 %1 | %2 } -> f32[4] ! reduce_c4
reduce f32[4,3] f32 dimensions=1,1 { f32 f32 | add %0 %1 | %2 } -> f32[4] ! reduce_c5
reduce f32[4,3] f32 dimensions=1 { f32 f32 | compare %0 %1 comparison_direction=LT | %2 } -> i1[4] ! reduce_c6
reduce f32[4,3] f32 dimensions=1 { f32 | | %0 } -> f32[4] ! reduce_c6
reduce f32[4,3] f32 dimensions=1 { f32 f32 | add %0 %1 | %2 } -> f32[3] ! reduce_c7
reduce f32[4,3] f32 dimensions=1 { f32 f32 | add %0 %^1 | %2 } -> f32[4] ?! add_operands
reduce_window f32[4,8] f32 window_dimensions=1,3 { f32 f32 | add %0 %1 | %2 } -> f32[4,6]
reduce_window f32[4,8] f32 window_dimensions=2,3 window_strides=2,2 base_dilations=1,2 window_dilations=1,2 padding=0,0,1,2 { f32 f32 | maximum %0 %1 | %2 } -> f32[2,7]
reduce_window f32[4,?] f32 window_dimensions=1,3 { f32 f32 | add %0 %1 | %2 } -> f32[4,?]
reduce_window f32[4] f32[4] f32 f32 window_dimensions=3 { f32 f32 f32 f32 | add %0 %2 ; add %1 %3 | %4 %5 } -> f32[2] f32[2]
reduce_window f32[4] f32[5] f32 f32 window_dimensions=3 { f32 f32 f32 f32 | add %0 %2 ; add %1 %3 | %4 %5 } -> f32[2] f32[2] ! reduce_window_c2
reduce_window f32[4] i32 window_dimensions=3 { f32 f32 | add %0 %1 | %2 } -> f32[2] ! reduce_window_c3
reduce_window f32[4] f32 window_dimensions=3,1 { f32 f32 | add %0 %1 | %2 } -> f32[2] ! reduce_window_c4
reduce_window f32[4] f32 window_dimensions=0 { f32 f32 | add %0 %1 | %2 } -> f32[5] ! reduce_window_c5
reduce_window f32[4] f32 window_dimensions=3 window_strides=1,1 { f32 f32 | add %0 %1 | %2 } -> f32[2] ! reduce_window_c6
reduce_window f32[4] f32 window_dimensions=3 window_strides=0 { f32 f32 | add %0 %1 | %2 } -> f32[2] ! reduce_window_c7
reduce_window f32[4] f32 window_dimensions=3 base_dilations=1,1 { f32 f32 | add %0 %1 | %2 } -> f32[2] ! reduce_window_c8
reduce_window f32[4] f32 window_dimensions=3 base_dilations=0 { f32 f32 | add %0 %1 | %2 } -> f32[2] ! reduce_window_c9
reduce_window f32[4] f32 window_dimensions=3 window_dilations=1,1 { f32 f32 | add %0 %1 | %2 } -> f32[2] ! reduce_window_c10
reduce_window f32[4] f32 window_dimensions=3 window_dilations=-1 { f32 f32 | add %0 %1 | %2 } -> f32[2] ! reduce_window_c11
reduce_window f32[4] f32 window_dimensions=3 padding=1,1,1,1 { f32 f32 | add %0 %1 | %2 } -> f32[2] ! reduce_window_c12
reduce_window f32[4] f32 window_dimensions=3 { i32 i32 | add %0 %1 | %2 } -> i32[2] ! reduce_window_c13
reduce_window f32[4] f32 window_dimensions=3 { f32 f32 | add %0 %1 | %2 } -> f32[3] ! reduce_window_c15
select_and_scatter f32[4,8] f32[2,4] f32 window_dimensions=2,2 window_strides=2,2 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8]
select_and_scatter f32[4,8] i32[2,4] f32 window_dimensions=2,2 window_strides=2,2 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8] ! select_and_scatter_c1
select_and_scatter f32[4,8] f32[2,3] f32 window_dimensions=2,2 window_strides=2,2 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8] ! select_and_scatter_c2
select_and_scatter f32[4,8] f32[2,4] i32 window_dimensions=2,2 window_strides=2,2 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8] ! select_and_scatter_c3
select_and_scatter f32[4,8] f32[2,4] f32 window_dimensions=2 window_strides=2 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8] ! select_and_scatter_c4
select_and_scatter f32[4,8] f32[2,4] f32 window_dimensions=2,0 window_strides=2,2 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8] ! select_and_scatter_c5
select_and_scatter f32[4,8] f32[2,4] f32 window_dimensions=2,2 window_strides=2,2,2 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8] ! select_and_scatter_c6
select_and_scatter f32[4,8] f32[2,4] f32 window_dimensions=2,2 window_strides=2,0 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8] ! select_and_scatter_c7
select_and_scatter f32[4,8] f32[2,4] f32 window_dimensions=2,2 window_strides=2,2 padding=0,0 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8] ! select_and_scatter_c8
select_and_scatter f32[4,8] f32[2,4] f32 window_dimensions=2,2 window_strides=2,2 { f32 f32 | add %0 %1 | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,8] ! select_and_scatter_c9
select_and_scatter f32[4,8] f32[2,4] f32 window_dimensions=2,2 window_strides=2,2 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 | | %0 } -> f32[4,8] ! select_and_scatter_c10
select_and_scatter f32[4,8] f32[2,4] f32 window_dimensions=2,2 window_strides=2,2 { f32 f32 | compare %0 %1 comparison_direction=GE | %2 } { f32 f32 | add %0 %1 | %2 } -> f32[4,9] ! select_and_scatter_c11
sort f32[4,3] i32[4,3] dimension=1 is_stable=true { f32 f32 i32 i32 | compare %0 %1 comparison_direction=LT | %4 } -> f32[4,3] i32[4,3]
sort f32[4,3] dimension=-2 { f32 f32 | compare %0 %1 comparison_direction=LT | %2 } -> f32[4,3]
sort f32[4,3] dimension=1 { f32 f32 | compare %0 %1 comparison_direction=LT | %2 } -> f32[4,4] ! sort_c2
sort f32[4,3] i32[4,4] dimension=1 { f32 f32 i32 i32 | compare %0 %1 comparison_direction=LT | %4 } -> f32[4,3] i32[4,4] ! sort_c3
sort f32[4,3] dimension=2 { f32 f32 | compare %0 %1 comparison_direction=LT | %2 } -> f32[4,3] ! sort_c4
sort f32[4,3] dimension=-3 { f32 f32 | compare %0 %1 comparison_direction=LT | %2 } -> f32[4,3] ! sort_c4
sort f32[4,3] dimension=1 { f32 f32 | add %0 %1 | %2 } -> f32[4,3] ! sort_c5
sort f32[4,3] dimension=1 { i32 i32 | compare %0 %1 comparison_direction=LT | %2 } -> f32[4,3] ! sort_c5
sort f32[4,3] dimension=1 { f32 f32 f32 | compare %0 %1 comparison_direction=LT | %3 } -> f32[4,3] ! sort_c5
map f32[4,3] i32[4,3] dimensions=0,1 { f32 i32 | compare %0 %0 comparison_direction=LT | %2 } -> i1[4,3]
map f32[4,3] i32[4,4] dimensions=0,1 { f32 i32 | compare %0 %0 comparison_direction=LT | %2 } -> i1[4,3] ! map_c1
map f32[4,3] dimensions=1,0 { f32 | negate %0 | %1 } -> f32[4,3] ! map_c3
map f32[4,3] dimensions=0 { f32 | negate %0 | %1 } -> f32[4,3] ! map_c3
map f32[4,3] dimensions=0,1 { i32 | negate %0 | %1 } -> i32[4,3] ! map_c4
map f32[4,3] dimensions=0,1 { f32 | negate %0 | %1 } -> i32[4,3] ! map_c4
while i32 f32[2] { i32 f32[2] | compare %0 %0 comparison_direction=LT | %2 } { i32 f32[2] | negate %1 | %0 %2 } -> i32 f32[2]
while i32 { i32 | compare %0 %^0 comparison_direction=LT | %1 } { i32 | add %0 %^0 | %1 } -> i32
while i32 { i32 | negate %0 | %1 } { i32 | negate %0 | %1 } -> i32 ! while_c1
while i32 { f32 | compare %0 %0 comparison_direction=LT | %1 } { i32 | negate %0 | %1 } -> i32 ! while_c1
while i32 { i32 | compare %0 %0 comparison_direction=LT | %1 } { i32 | negate %0 | %1 %1 } -> i32 ! while_c2
while i32 { i32 | compare %0 %0 comparison_direction=LT | %1 } { f32 | negate %0 | %1 } -> i32 ! while_c2
while i32 { i32 | compare %0 %0 comparison_direction=LT | %1 } { i32 | compare %0 %0 comparison_direction=LT | %1 } -> i32 ! while_c2
while i32 { i32 | compare %0 %0 comparison_direction=LT | %1 } { i32 | negate %0 | %1 } -> f32 ! while_c3
if i1 { | not %^0 | %0 } { | not %^0 | %0 } -> i1
case i32 { | iota iota_dimension=0 -> i32[2] | %0 } { | iota iota_dimension=0 -> i32[2] | %0 } -> i32[2]
if i1 { | iota iota_dimension=0 -> i32[2] | %0 } { | iota iota_dimension=0 -> i32[2] | %0 } -> i32[2]
if i1 { | iota iota_dimension=0 -> i32[2] | %0 } { | iota iota_dimension=0 -> i32[3] | %0 } -> i32[2] ! if_c2
if i1 { i32 | | %0 } { | iota iota_dimension=0 -> i32[2] | %0 } -> i32 ! if_c1
if i1 { | iota iota_dimension=0 -> i32[2] | %0 } { | iota iota_dimension=0 -> i32[2] | %0 } -> i32[3] ! if_c3
if i32 { | iota iota_dimension=0 -> i32[2] | %0 } { | iota iota_dimension=0 -> i32[2] | %0 } -> i32[2] ! if_i1
if i1[1] { | iota iota_dimension=0 -> i32[2] | %0 } { | iota iota_dimension=0 -> i32[2] | %0 } -> i32[2] ! if_i1
case i32 -> i32[2] ! case_c1
case i32 { i32 | | %0 } -> i32 ! case_c2
case i32 { | iota iota_dimension=0 -> i32[2] | %0 } { | iota iota_dimension=0 -> f32[2] | %0 } -> i32[2] ! case_c3
case i32 { | iota iota_dimension=0 -> i32[2] | %0 } -> i32[3] ! case_c4
case i64 { | iota iota_dimension=0 -> i32[2] | %0 } -> i32[2] ! case_i1

# -- devices
partition_id -> ui32
replica_id -> ui32
replica_id -> i32 ! replica_id_o1
create_token -> token
after_all token token -> token
after_all f32 -> token ! after_all_i1
all_gather f32[2,3] all_gather_dim=1 replica_groups=1x2:0,1 -> f32[2,6]
all_gather f32[2,3] all_gather_dim=2 replica_groups=1x2:0,1 -> f32[2,6] ! all_gather_c1
all_gather f32[2,3] all_gather_dim=1 replica_groups=1x2:1,1 -> f32[2,6] ! all_gather_c2
all_gather f32[2,3] all_gather_dim=1 replica_groups=1x2:0,2 -> f32[2,6] ! all_gather_c4
all_gather f32[2,3] all_gather_dim=1 replica_groups=1x2:0,1 -> f32[3,6] ! all_gather_c6
all_gather f32[2,3] all_gather_dim=1 replica_groups=1x2:0,1 -> f32[2,7] ! all_gather_c6
all_reduce f32[2,3] replica_groups=1x2:0,1 { f32 f32 | add %0 %1 | %2 } -> f32[2,3]
all_reduce f32[2,3] replica_groups=1x2:0,0 { f32 f32 | add %0 %1 | %2 } -> f32[2,3] ! all_reduce_c1
all_reduce f32[2,3] replica_groups=1x2:0,2 { f32 f32 | add %0 %1 | %2 } -> f32[2,3] ! all_reduce_c3
all_reduce f32[2,3] replica_groups=1x2:0,1 { f32 | | %0 } -> f32[2,3] ! all_reduce_c5
all_reduce f32[2,3] replica_groups=1x2:0,1 { f32 f32 | add %0 %1 | %2 } -> f32[2,4] ! all_reduce_c6
all_reduce f32[2,3] replica_groups=1x2:0,1 { f32 f32 | add %0 %1 | %2 } -> f64[2,3] ! all_reduce_c7
all_to_all f32[2,4] split_dimension=1 concat_dimension=0 split_count=2 replica_groups=1x2:0,1 -> f32[4,2]
all_to_all f32[2,4] split_dimension=2 concat_dimension=0 split_count=2 replica_groups=1x2:0,1 -> f32[4,2] ! all_to_all_c1
all_to_all f32[2,5] split_dimension=1 concat_dimension=0 split_count=2 replica_groups=1x2:0,1 -> f32[4,2] ! all_to_all_c2
all_to_all f32[2,4] split_dimension=1 concat_dimension=2 split_count=2 replica_groups=1x2:0,1 -> f32[4,2] ! all_to_all_c3
all_to_all f32[2,4] split_dimension=1 concat_dimension=0 split_count=0 replica_groups=1x2:0,1 -> f32[4,2] ! all_to_all_c4
all_to_all f32[2,4] split_dimension=1 concat_dimension=0 split_count=2 replica_groups=1x2:0,0 -> f32[4,2] ! all_to_all_c5
all_to_all f32[2,4] split_dimension=1 concat_dimension=0 split_count=4 replica_groups=1x2:0,1 -> f32[8,1] ! all_to_all_c8
all_to_all f32[2,4] split_dimension=1 concat_dimension=0 split_count=2 replica_groups=1x2:0,1 -> f32[4,4] ! all_to_all_c9
reduce_scatter f32[2,4] scatter_dimension=1 replica_groups=1x2:0,1 { f32 f32 | add %0 %1 | %2 } -> f32[2,2]
reduce_scatter f32[2,4] scatter_dimension=2 replica_groups=1x2:0,1 { f32 f32 | add %0 %1 | %2 } -> f32[2,2] ! reduce_scatter_c2
reduce_scatter f32[2,4] scatter_dimension=1 replica_groups=1x2:0,0 { f32 f32 | add %0 %1 | %2 } -> f32[2,2] ! reduce_scatter_c3
reduce_scatter f32[2,4] scatter_dimension=1 replica_groups=1x2:0,1 { f32 f32 | add %0 %1 | %2 } -> f32[2,3] ! reduce_scatter_c8
reduce_scatter f32[2,4] scatter_dimension=1 replica_groups=1x2:0,1 { f32 f32 | add %0 %1 | %2 } -> i32[2,2] ! reduce_scatter_c9
collective_permute f32[2] source_target_pairs=2x2:0,1,1,0 -> f32[2]
collective_permute f32[2] source_target_pairs=1x3:0,1,2 -> f32[2] ! collective_permute_c1
collective_permute f32[2] source_target_pairs=2x2:0,1,0,2 -> f32[2] ! collective_permute_c2
collective_permute f32[2] source_target_pairs=2x2:0,1,2,1 -> f32[2] ! collective_permute_c3
collective_permute f32[2] source_target_pairs=1x2:0,-1 -> f32[2] ! collective_permute_c4
collective_permute f32[2] source_target_pairs=1x2:0,1 -> f32[3] ! collective_permute_c5
collective_broadcast f32[2] replica_groups=1x2:0,1 -> f32[2]
collective_broadcast f32[2] replica_groups=1x2:0,0 -> f32[2] ! collective_broadcast_c1
collective_broadcast f32[2] replica_groups=1x2:0,-1 -> f32[2] ! collective_broadcast_c2
collective_broadcast f32[2] replica_groups=1x2:0,1 -> f32[3] ! collective_broadcast_c3
infeed token -> f32[2] token
infeed token -> token f32[2] ! infeed_c2
infeed token -> f32[2] f32[2] ! infeed_c3
outfeed f32[2] token -> token
send f32[2] token channel_handle=1,2 is_host_transfer=true -> token
send f32[2] token channel_handle=1,1 is_host_transfer=true -> token ! send_c5
recv token channel_handle=1,3 is_host_transfer=true -> f32[2] token
recv token channel_handle=1,1 is_host_transfer=true -> f32[2] token ! recv_c5

# -- functions (@main is the one that the op stands in)
call f32[2] callee=main -> f32[2]
call f32[2] callee=nobody -> f32[2] ! call_callee
composite f32[2] name=my.op decomposition=main -> f32[2]
composite f32[2] name=plain decomposition=main -> f32[2] ! composite_c1
composite f32[2] name=my.op decomposition=nobody -> f32[2] ! composite_c2
